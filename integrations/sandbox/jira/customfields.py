"""The thirty custom fields of the site: what `GET /field` says of each, and how its value is made.

One of every kind that breaks parsers: floats, options, cascades, people, two shapes of team, sprints, rich text, dates.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from integrations.sandbox import adf
from integrations.sandbox.jira.catalog import API, Json, project_scope
from integrations.sandbox.jira.development import field_text
from integrations.sandbox.jira.histories import LABELS, SPRINT_MS, Draft, sprint_name
from integrations.sandbox.jira.people import NAMES, PEOPLE, TEAMS
from integrations.sandbox.jira.timestamps import DAY_MS, day, stamp, zulu

STOCK = "com.atlassian.jira.plugin.system.customfieldtypes:"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a value may be made from."""

    draft: Draft
    random: Random

    def some(self, share: float) -> bool:
        return self.random.random() < share


@dataclass(frozen=True, slots=True)
class CustomField:
    """`kind` and `items` are the schema's type and items; `plugin` is its `custom`. `scope` is the id of the
    team-managed project that the field belongs to, '' for one of the whole site.
    """

    number: int
    name: str
    kind: str
    plugin: str
    value: Callable[[Facts], Any]
    items: str = ""
    scope: str = ""

    @property
    def id(self) -> str:
        return f"customfield_{self.number}"

    def schema(self) -> Json:
        items = {"items": self.items} if self.items else {}
        return {"type": self.kind} | items | {"custom": self.plugin, "customId": self.number}

    def json(self) -> Json:
        head: Json = {"id": self.id, "key": self.id, "name": self.name, "untranslatedName": self.name, "custom": True}
        flags = {"orderable": True, "navigable": True, "searchable": True}
        shown = head | flags | {"clauseNames": [f"cf[{self.number}]", self.name], "schema": self.schema()}
        return shown | {"scope": project_scope(self.scope)} if self.scope else shown


def option(number: int, value: str) -> Json:
    return {"self": f"{API}/customFieldOption/{number}", "value": value, "id": str(number)}


def _one_of(first: int, *values: str, share: float = 0.5) -> Callable[[Facts], Json | None]:
    options = [option(first + n, value) for n, value in enumerate(values)]
    return lambda facts: facts.random.choice(options) if facts.some(share) else None


def _some_of(first: int, *values: str) -> Callable[[Facts], list[Json] | None]:
    options = [option(first + n, value) for n, value in enumerate(values)]
    return lambda facts: facts.random.sample(options, facts.random.randint(1, 2)) if facts.some(0.3) else None


CAUSES = {"Code": ("Logic", "Concurrency"), "Infrastructure": ("Network", "Capacity"), "Requirements": ()}


def _cascade(facts: Facts) -> Json | None:
    """`child` is absent where only the parent was chosen."""
    if not facts.some(0.4):
        return None
    place, (parent, children) = facts.random.choice(list(enumerate(CAUSES.items())))
    chosen = option(10600 + place * 10, parent)
    return chosen | {"child": option(10601 + place * 10, facts.random.choice(children))} if children else chosen


def _person(facts: Facts) -> Json | None:
    return facts.random.choice(PEOPLE) if facts.some(0.2) else None


def _people(facts: Facts) -> list[Json] | None:
    return facts.random.sample(PEOPLE[: len(NAMES)], 2) if facts.some(0.08) else None


def _team(facts: Facts) -> Json | None:
    return facts.random.choice(TEAMS) if facts.some(0.6) else None


def _team_id(facts: Facts) -> str | None:
    return str(facts.random.choice(TEAMS)["id"]) if facts.some(0.3) else None


def _sprints(facts: Facts) -> list[Json] | None:
    """All sprints the issue was in, the last one perhaps still active."""
    draft = facts.draft
    # The latest three: an issue that was carried over for months would outgrow its page.
    return [_sprint(draft, number, last=number == draft.sprints[-1]) for number in draft.sprints[-3:]] or None


def _sprint(draft: Draft, number: int, last: bool) -> Json:
    ends = draft.entry.created + (number % 7 + 1) * SPRINT_MS
    active = last and not draft.status.done
    shown: Json = {"id": number, "name": sprint_name(draft.entry.project.key, number), "boardId": 7, "goal": ""}
    shown |= {"state": "active" if active else "closed", "startDate": zulu(ends - SPRINT_MS), "endDate": zulu(ends)}
    return shown if active else shown | {"completeDate": zulu(ends)}


def _rich(share: float) -> Callable[[Facts], adf.Node | None]:
    def value(facts: Facts) -> adf.Node | None:
        return adf.doc(adf.bullets(facts.draft.writer.criteria())) if facts.some(share) else None

    return value


def _date(share: float) -> Callable[[Facts], str | None]:
    return lambda f: day(f.draft.entry.created + f.random.randint(0, 90) * DAY_MS) if f.some(share) else None


def _moment(facts: Facts) -> str | None:
    entry = facts.draft.entry
    return stamp(entry.created + facts.random.randint(0, 9 * DAY_MS), entry.project.zone) if facts.some(0.3) else None


def _text(share: float, *values: str) -> Callable[[Facts], str | None]:
    return lambda facts: facts.random.choice(values) if facts.some(share) else None


def _float(share: float, *values: float) -> Callable[[Facts], float | None]:
    return lambda facts: facts.random.choice(values) if facts.some(share) else None


def _labels(facts: Facts) -> list[str] | None:
    return facts.random.sample(LABELS, 2) if facts.some(0.2) else None


def _development(facts: Facts) -> str:
    return field_text(facts.draft.development)


def _rank(facts: Facts) -> str:
    return f"0|i{facts.draft.entry.index:05x}:"


def _epic_key(facts: Facts) -> str | None:
    parent, entry = facts.draft.entry.parent, facts.draft.entry
    return parent.key if parent and parent.type.level > 0 and not entry.project.team_managed else None


DEVELOPMENT_FIELD = 10000
CUSTOM_FIELDS = (
    CustomField(
        DEVELOPMENT_FIELD,
        "Development",
        "any",
        "com.atlassian.jira.plugins.jira-development-integration-plugin:devsummarycf",
        _development,
    ),
    CustomField(10001, "Team", "team", "com.atlassian.jira.plugin.system.customfieldtypes:atlassian-team", _team),
    CustomField(10002, "Squad", "any", "com.atlassian.teams:rm-teams-custom-field-team", _team_id),
    CustomField(10014, "Epic Link", "any", "com.pyxis.greenhopper.jira:gh-epic-link", _epic_key),
    CustomField(
        10016,
        "Story point estimate",
        "number",
        "com.pyxis.greenhopper.jira:jsw-story-points",
        _float(0.2, 1.0, 3.0, 8.0),
    ),
    CustomField(10019, "Rank", "any", "com.pyxis.greenhopper.jira:gh-lexo-rank", _rank),
    CustomField(10020, "Sprint", "array", "com.pyxis.greenhopper.jira:gh-sprint", _sprints, "json"),
    CustomField(
        10021,
        "Flagged",
        "array",
        STOCK + "multicheckboxes",
        lambda facts: [option(10019, "Impediment")] if facts.draft.flagged else None,
        "option",
    ),
    CustomField(10022, "Target start", "date", "com.atlassian.jpo:jpo-custom-field-baseline-start", _date(0.2)),
    CustomField(10023, "Target end", "date", "com.atlassian.jpo:jpo-custom-field-baseline-end", _date(0.2)),
    CustomField(10028, "Story Points", "number", STOCK + "float", lambda facts: facts.draft.points),
    CustomField(10030, "Severity", "option", STOCK + "select", _one_of(10400, "Blocker", "Major", "Minor")),
    CustomField(
        10031, "Platforms", "array", STOCK + "multiselect", _some_of(10410, "Web", "iOS", "Android", "API"), "option"
    ),
    CustomField(10032, "Root cause", "option-with-child", STOCK + "cascadingselect", _cascade),
    CustomField(10033, "Reviewer", "user", STOCK + "userpicker", _person),
    CustomField(10034, "Stakeholders", "array", STOCK + "multiuserpicker", _people, "user"),
    CustomField(10035, "Acceptance criteria", "string", STOCK + "textarea", _rich(0.25)),
    CustomField(10036, "Release note", "string", STOCK + "textarea", _rich(0.08)),
    CustomField(
        10037, "Customer", "string", STOCK + "textfield", _text(0.4, "Acme", "Müller & Söhne", "株式会社サンプル", "")
    ),
    CustomField(10038, "Go-live", "datetime", STOCK + "datetime", _moment),
    CustomField(10039, "Areas", "array", STOCK + "labels", _labels, "string"),
    CustomField(
        10040, "Runbook", "string", STOCK + "url", _text(0.2, "https://wiki.example.com/runbooks/12?view=full#top")
    ),
    CustomField(10041, "Code changed", "option", STOCK + "radiobuttons", _one_of(10420, "Yes", "No")),
    CustomField(10042, "Cost estimate", "number", STOCK + "float", _float(0.15, 1200.5, -1.0, 0.0, 1e6)),
    CustomField(10043, "Confidence", "number", STOCK + "float", _float(0.2, 0.25, 0.5, 0.95)),
    CustomField(
        10044, "Work category", "option", STOCK + "select", _one_of(10430, "Feature", "Upkeep", "Support", share=0.7)
    ),
    CustomField(10045, "Build", "string", STOCK + "textfield", _text(0.3, "4.12.0", "4.13.0-rc1", "null")),
    CustomField(10046, "Detected on", "date", STOCK + "datepicker", _date(0.3)),
    CustomField(10047, "Customer impact", "option", STOCK + "radiobuttons", _one_of(10440, "High", "Low", share=0.2)),
    # A second field of the same name as 10001: names are not keys.
    CustomField(10048, "Team", "string", STOCK + "textfield", _text(0.1, "checkout", "platform 🚀")),
)
