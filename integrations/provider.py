"""The contract of a provider: the code for one kind of site.

A provider is a folder in ``integrations/providers`` whose ``provider.py`` registers one subclass of `Provider`.
It declares its settings and steps, plans partitions, makes API calls and normalises answers. It knows nothing
of queues, units or tables, and it never sleeps or retries: it raises what `integrations.errors` has.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar

from integrations.errors import Permanent
from integrations.records import Batch

_ABBREVIATIONS = ("api", "url", "id")

Cursor = Mapping[str, Any]
"""Where a partition stands, as JSON: the provider's own words, stored with the unit after each answer."""


@dataclass(frozen=True)
class SettingField:
    """One setting of an integration. Secrets are encrypted at rest and never shown again.

    A ``number`` has bounds and may have to be ``whole``; a ``date`` is written as 2024-12-31. ``credentials_go_there``
    is for addresses: where they lead to another host, stored secrets do not go along (`integrations.saving`).
    ``usual`` ones are asked for first: most connections need no other.
    """

    name: str
    help: str
    required: bool = False
    secret: bool = False
    default: str = ""
    number: tuple[float, float] | None = None
    whole: bool = False
    date: bool = False
    credentials_go_there: bool = False
    usual: bool = False

    @property
    def label(self) -> str:
        """What people call it: "API token"."""
        words = [word.upper() if word in _ABBREVIATIONS else word for word in self.name.split("_")]
        return " ".join([words[0] if words[0].isupper() else words[0].capitalize(), *words[1:]])

    def check(self, text: str) -> None:
        """Raises Permanent, naming the setting and the value, where a text that is not empty cannot be right."""
        try:
            if text and self.number and not self.number[0] <= (int if self.whole else float)(text) <= self.number[1]:
                raise ValueError
            if text and self.date:
                date.fromisoformat(text)
        except ValueError:
            low, high = self.number or (0, 0)
            kind = "a whole number" if self.whole else "a number"
            wanted = "a date like 2024-12-31" if self.date else f"{kind} from {low:g} to {high:g}"
            raise Permanent(f"setting {self.name} is {text[:50]!r}: expected {wanted}") from None


VERIFY_HOURS = SettingField(
    "verify_hours",
    "Hours between comparisons of what the site has with what is stored; 24 where empty, 0: never",
    number=(0, 8760),
)


@dataclass(frozen=True)
class Step:
    """One part of a run.

    ``order`` is where people see it; ``feeders`` are the steps that must be over before this one is planned;
    ``on_demand`` steps are not part of a sync. The units of a step that ``follows`` come from loaded answers, by
    `Provider.consequences`: no plan brings back one that an earlier run left.
    """

    name: str
    order: int
    display_name: str
    feeders: tuple[str, ...] = ()
    on_demand: bool = False
    follows: bool = False


@dataclass(frozen=True)
class Connection:
    """What a provider may know of an integration: its settings and its secrets, as text."""

    integration_id: int
    name: str
    settings: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)

    def setting(self, name: str, default: str = "") -> str:
        """The setting's or secret's text, stripped; the default where it is missing or empty."""
        return (self.settings.get(name) or self.secrets.get(name) or default).strip()

    def items(self, name: str) -> tuple[str, ...]:
        """A setting that lists things, separated by commas."""
        return tuple(part.strip() for part in self.setting(name).split(",") if part.strip())


@dataclass(frozen=True)
class Partition:
    """A part of a step that is fetched on its own, page after page. ``key`` is stable from run to run.

    ``scope`` names what is complete, for the watermark, once all partitions of a run with that scope are: a project,
    whatever windows it was cut into. '' belongs to none. ``cursor["question"]``, where there is one, does not change
    from page to page: a partition that an earlier run left unfinished goes on only while it asks the same.
    """

    key: str
    cursor: Cursor
    scope: str = ""


@dataclass(frozen=True)
class ProjectRef:
    external_id: str
    key: str


@dataclass(frozen=True)
class RepositoryRef:
    """``full_name`` is 'owner/name' as it was when it was last listed."""

    external_id: str
    full_name: str


@dataclass(frozen=True)
class ItemRef:
    external_id: str
    key: str


@dataclass(frozen=True)
class PlanContext:
    """What planning a step may use: what earlier steps loaded, and where the last sync of each scope stood.

    ``watermarks`` maps scopes to the source's own time at the last complete sync; it is empty where everything is to
    be read again. ``reread`` are work items whose development data is to be read although none of their pages is.
    Of a backfill only what was last changed from ``updated_from`` on and before ``updated_to`` is to be read (aware,
    UTC); where these are, there are no watermarks.
    """

    projects: Sequence[ProjectRef] = ()
    watermarks: Mapping[str, datetime] = field(default_factory=dict)
    batch_size: int = 50
    reread: Sequence[ItemRef] = ()
    repositories: Sequence[RepositoryRef] = ()
    updated_from: datetime | None = None
    updated_to: datetime | None = None


@dataclass(frozen=True)
class SourceCount:
    """How many items a site has of one project or repository: of those that a full sync would read.

    ``items`` is None where the site does not tell; ``problem`` says why. None of them was last updated before
    ``oldest``. ``since`` is when what the last complete sync does not know began: ``created`` of them are from then or
    later, ``changed`` were updated then or later (these too). ``present`` is how many there are with those that a
    setting leaves out which may have been read all the same, None where there are no others.
    """

    items: int | None
    since: datetime | None = None
    created: int = 0
    changed: int = 0
    present: int | None = None
    oldest: datetime | None = None
    problem: str = ""


@dataclass(frozen=True)
class Answer:
    """One API call's answer, as it came.

    ``body`` are the bytes received; ``external_id`` names the question that was asked, so that the newest answer
    to it can be told; ``next_cursor`` is None at the partition's end. ``followups`` are partitions (of the same
    step) that fetch what this answer cut: it is normalised together with their answers, not before.
    ``partitions`` are further partitions of the same step that this answer gives rise to; they stand on their own.
    ``source_time`` is the site's own clock when it answered; ``digests`` is `Provider.digests` of it. A partition that
    is ``broken_off`` ends before all of it was read: the next sync asks for the same again.
    """

    entity_type: str
    external_id: str
    body: bytes
    metadata: Mapping[str, Any] = field(default_factory=dict)
    next_cursor: Cursor | None = None
    followups: tuple[Partition, ...] = ()
    partitions: tuple[Partition, ...] = ()
    source_time: datetime | None = None
    warning: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    broken_off: bool = False


@dataclass(frozen=True)
class RawAnswer:
    """A stored answer as the normaliser gets it: ``content`` is its parsed JSON.

    ``metadata["missing"]`` is there where follow-ups did not come to their end: for each, the ``cursor`` that it stands
    at, and the ``error``. What was still to come is not known then, and an item that lacks it is not to be loaded.
    """

    entity_type: str
    external_id: str
    content: Any
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ItemPaths:
    """Where stored answers keep items: their array, and in each of these its source id and the object of its fields."""

    items: tuple[str, ...]
    id: tuple[str, ...]
    fields: tuple[str, ...]


@dataclass(frozen=True)
class FieldHint:
    """How the custom field that means the same as a column is recognised among a site's.

    ``schemas`` are values of its schema's ``custom``: kinds that mean just this; ``likely`` those that are as good as a
    name. ``names`` are what it is called, in any language, ``within`` names that stand in longer ones too; with a name
    alone it is recognised only where its type is one of ``types``.
    """

    schemas: tuple[str, ...]
    types: tuple[str, ...]
    names: tuple[str, ...]
    within: tuple[str, ...] = ()
    likely: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConnectionReport:
    """What an account can do on a site. ``problems`` name what is missing and what to do; empty where all is well."""

    site: str
    account: str
    deployment: str
    projects: Sequence[ProjectRef]
    problems: Sequence[str] = ()


@dataclass(frozen=True)
class WebhookEvent:
    """A delivery that was verified.

    ``items`` are what it is about, as `Provider.refetch` takes them, ``answer`` what is to be stored of it. A delivery
    that concerns nothing in the integration's scope has neither.
    """

    delivery_id: str
    name: str
    items: Sequence[str] = ()
    answer: Answer | None = None


class Provider(ABC):
    """Base of all providers. Instances hold no state of a site; one serves all integrations of its kind."""

    name: ClassVar[str]
    label: ClassVar[str]
    summary: ClassVar[str] = ""
    """What is read from such a site, in a sentence."""
    source_type: ClassVar[str]
    settings: ClassVar[tuple[SettingField, ...]]
    steps: ClassVar[tuple[Step, ...]]
    reader_version: ClassVar[int] = 1
    """To be raised when `normalise` reads the same answer differently, so that nothing is left alone."""

    default_fields: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Columns of ``work_items`` with the kinds of custom fields that mean the same, where a tenant mapped none."""

    suggested_fields: ClassVar[Mapping[str, FieldHint]] = {}
    """How the fields are recognised that mean the same as columns of ``work_items``, for suggestions."""

    containers: ClassVar[str] = "projects"
    """What people call `ConnectionReport.projects` on such a site."""

    containers_setting: ClassVar[str] = "projects"
    """The setting that lists those of them that are to be read, by `ProjectRef.key`; all where it is empty."""

    items_table: ClassVar[str] = "work_items"
    """The table of what `digests` speaks of."""

    item_paths: ClassVar[ItemPaths | None] = None
    """None where items have no custom fields."""

    items_step: ClassVar[str]
    """The step that fetches items; `refetch` makes partitions of it."""
    listing_step: ClassVar[str] = ""
    """The step, on demand, that lists what there is for a repair: its answers give `Batch.listed`."""
    fields_step: ClassVar[str] = ""
    """The step, on demand, that discovers custom fields: its answers give `Batch.custom_fields`."""

    containers_table: ClassVar[str] = "projects"
    """The table of what items belong to, of which `counts` speaks."""

    @abstractmethod
    def check(self, connection: Connection) -> None:
        """Makes no call. Raises Permanent, naming the setting and its value, where one cannot be right."""

    @abstractmethod
    def check_connection(self, connection: Connection) -> ConnectionReport:
        """Asks the site who we are and what we see. Raises a StageError where it does not answer as it should."""

    @abstractmethod
    def refetch(self, connection: Connection, item_ids: Sequence[str]) -> list[Partition]:
        """Partitions of `items_step` that fetch these items, by id, wherever they are now. Makes no call.

        ``cursor["items"]`` are the ids that a partition asks for: what waits is asked for together with what comes.
        What the site does not give although it was asked for by id comes out of `normalise` as `Batch.gone`.
        """

    def consequences(
        self, answer: RawAnswer, items: Set[str], fields: Mapping[str, str], linked: Set[str] = frozenset()
    ) -> Sequence[tuple[str, Partition]]:
        """(step, partition) of what is to be fetched because of these items of a loaded answer. Pure.

        ``fields`` maps columns of ``work_items`` to the source ids of the custom fields that the tenant mapped to
        them, or that are known to be one of ``default_fields``. ``linked`` are those of the items that have links.
        """
        return ()

    def webhook(self, connection: Connection, headers: Mapping[str, str], body: bytes, token: str) -> WebhookEvent:
        """Verifies and reads a delivery; ``token`` is the secret part of the path, '' where there is none.

        Header names are in lower case. Raises PermissionError where it cannot be verified, Permanent where it cannot
        be read. Pure.
        """
        raise Permanent(f"{self.name} has no webhooks")

    def counts(self, connection: Connection, context: PlanContext) -> Mapping[str, SourceCount]:
        """How many items there are, by source id of the context's projects and repositories that are to be read.

        Under the same settings as `plan`, and with the same watermarks. A few calls for each. Raises a StageError where
        it is not a single one of them that the site does not tell of. Empty where a kind of site does not count.
        """
        return {}

    @abstractmethod
    def plan(self, step: str, connection: Connection, context: PlanContext) -> list[Partition]:
        """The partitions of a step. Makes no call. An empty list: there is nothing to do."""

    @abstractmethod
    def fetch(self, step: str, connection: Connection, partition: Partition) -> Answer:
        """Makes the one call that the partition's cursor stands for. Raises a StageError."""

    @abstractmethod
    def recognise(self, step: str, content: Any) -> tuple[str, str]:
        """(entity type, external id) of a recorded answer of this step. Raises Permanent where it is none."""

    @abstractmethod
    def entity_types(self) -> Mapping[str, str]:
        """Each entity type that `normalise` knows, with the step it belongs to."""

    def digests(self, answer: RawAnswer) -> Mapping[str, str]:
        """A short hash of all that this one answer says of each of its work items, by source id.

        Pure, and much cheaper than `normalise`. It is kept beside the stored answer: a sync leaves alone what has the
        hashes that it was loaded with, and does not even read an answer back of which that is true of all items.
        """
        return {}

    def about(self, metadata: Mapping[str, Any]) -> Sequence[str]:
        """The source ids of items that a stored answer is about, as what was noted of the question tells. Pure.

        Of answers whose `digests` name them there is no need to.
        """
        return ()

    def custom_values(self, fields: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        """`WorkItemRecord.custom` and ``custom_texts`` of an item with these fields, which may be only some. Pure."""
        return {}, {}

    @abstractmethod
    def normalise(self, answer: RawAnswer, followups: Sequence[RawAnswer] = (), skip: Set[str] = frozenset()) -> Batch:
        """Pure: turns an answer, with the answers that complete it, into records; work items in ``skip`` left out.

        A record that cannot be read, or is not whole (see `RawAnswer`), is quarantined and the others stand. Raises
        Permanent where the answer as a whole is not what its entity type says.
        """
