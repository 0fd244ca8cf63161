"""What answers tell of custom fields, in any order, and what may be concluded from what they lack."""

from datetime import datetime
from itertools import permutations
from typing import Any

import pytest

from custommapping.models import Authority, CustomField, Project, ProjectCustomField
from etl.extraction.storage import Origin, store_answer
from etl.jobs import discovered, lifecycle
from etl.load.merging import Source
from etl.models import EtlJobRun, EtlJobRunStep, RawExtractionData, RunKind
from integrations.models import Integration
from integrations.records import Batch, CustomFieldRecord, OfferedField, ProjectFields, Quarantined
from tests.support.loading import Loading
from tests.support.making import an_integration, job_of
from tests.support.records import at

pytestmark = pytest.mark.django_db
STEP = "jira_custom_fields"


@pytest.fixture
def integration() -> Integration:
    made = an_integration()
    for external_id, key in (("1", "ONE"), ("2", "TWO")):
        Project.objects.create(
            tenant=made.tenant, integration=made, external_id=external_id, key=key, authority=Authority.LISTED
        )
    return made


def listed(*ids: str, unreadable: tuple[str, ...] = ()) -> Batch:
    lost = [Quarantined("custom_fields", external_id, "[9]", "odd") for external_id in unreadable]
    return Batch(custom_fields=[CustomFieldRecord(one, f"Field {one}", "string") for one in ids], quarantined=lost)


def offered(project: str, wit: str | None, *ids: str, required: bool = False, operations: str = "set") -> Batch:
    fields = tuple(OfferedField(one, f"Field {one}", "string", required) for one in ids)
    seen = [CustomFieldRecord(one, f"Field {one}", "string", tuple(operations.split()), listed=False) for one in ids]
    return Batch(custom_fields=seen, project_fields=[ProjectFields(project, wit, fields)])


def run_of(integration: Integration, kind: RunKind = RunKind.DISCOVERY, **config: Any) -> EtlJobRun:
    steps = [step for step in integration.provider_code.steps if step.name == STEP]
    EtlJobRun.objects.update(status="FINISHED")
    run = lifecycle.new_run(job_of(integration), kind, "test", config, steps)
    EtlJobRunStep.objects.filter(run=run).update(planned_at=at(run.pk))
    return run


def tell(run: EtlJobRun, *batches: Batch, order: tuple[int, ...] = (), asked: datetime | None = None) -> list[Source]:
    """Stores an answer for each batch and loads them, in that order. ``asked`` is when, where not just now."""
    origin = Origin(run.tenant_id, run.integration_id, run.pk, STEP, "completed")
    sources = [
        Source(run.tenant_id, run.integration_id, store_answer(origin, "x", "", b"{}", {}), run.pk, STEP, "JIRA", at(0))
        for _ in batches
    ]
    if asked:
        RawExtractionData.objects.filter(pk__in=[source.raw_id for source in sources]).update(created_at=asked)
    loading = Loading(run.integration, run)
    for place in order or range(len(batches)):
        loading.load(batches[place], sources[place])
    return sources


def settle(run: EtlJobRun, extraction: str = "finished", transform: str = "finished") -> None:
    EtlJobRunStep.objects.filter(run=run).update(extraction=extraction, transform=transform)
    discovered.settle(EtlJobRunStep.objects.get(run=run))


def discover(integration: Integration, *batches: Batch) -> None:
    run = run_of(integration)
    tell(run, *batches)
    settle(run)


def active() -> set[str]:
    return set(CustomField.objects.filter(active=True).values_list("external_id", flat=True))


def offers(project: str = "ONE") -> dict[str, tuple[list[str], list[str]]]:
    """(types, those that require it) of each field."""
    rows = ProjectCustomField.objects.get(project_key=project).discovered_fields
    return {one["external_id"]: (one["wits"], one["required"]) for one in rows}


ALL = (listed("a", "b"), offered("1", "7", "a", required=True), offered("1", "8", "a", "c", operations="add set"))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_answers_tell_the_same_in_any_order(integration: Integration, order: tuple[int, ...]) -> None:
    run = run_of(integration)
    tell(run, *ALL, order=order)
    settle(run)

    rows = CustomField.objects.order_by("external_id").values_list("external_id", "operations", "authority", "active")
    assert list(rows) == [("a", ["add", "set"], 2, True), ("b", [], 2, True), ("c", ["add", "set"], 1, True)]
    assert offers() == {"a": (["7", "8"], ["7"]), "c": (["8"], [])}


def test_types_and_fields_that_a_whole_discovery_does_not_tell_of_are_gone(integration: Integration) -> None:
    discover(integration, *ALL)

    discover(integration, listed("a"), offered("1", "8", "a"))

    assert active() == {"a"}
    assert offers() == {"a": (["8"], [])}
    assert CustomField.objects.count() == 3


@pytest.mark.parametrize(
    ("extraction", "transform"), [("failed", "finished"), ("finished", "failed")], ids=["extraction", "transform"]
)
def test_of_a_broken_discovery_only_what_it_tells_counts(
    integration: Integration, extraction: str, transform: str
) -> None:
    discover(integration, *ALL)
    run = run_of(integration)
    tell(run, listed("a"), offered("1", "8", "a", "d", required=True))

    settle(run, extraction, transform)

    assert active() == {"a", "b", "c", "d"}
    assert offers() == {"a": (["7", "8"], ["7", "8"]), "c": (["8"], []), "d": (["8"], ["8"])}


@pytest.mark.parametrize("lost", [("",), ("b", "")])
def test_where_something_without_a_name_could_not_be_read_nothing_vanishes(
    integration: Integration, lost: tuple[str, ...]
) -> None:
    discover(integration, *ALL)

    discover(integration, listed("a", unreadable=lost), offered("1", "8", "a"))

    assert active() == {"a", "b", "c"}


def test_what_could_not_be_read_is_there_all_the_same(integration: Integration) -> None:
    discover(integration, *ALL)

    discover(integration, listed("a", unreadable=("b",)))

    assert active() == {"a", "b"}


def test_a_field_that_is_not_listed_but_offered_is_there(integration: Integration) -> None:
    discover(integration, *ALL)

    discover(integration, listed("a", "b"), offered("1", "7", "c"))

    assert active() == {"a", "b", "c"}


def test_a_list_without_fields_and_answers_without_the_list_make_nothing_vanish(integration: Integration) -> None:
    discover(integration, *ALL)

    discover(integration, listed(), offered("1", "7", "a"))

    assert active() == {"a", "b", "c"}
    assert offers()["c"] == (["8"], [])


@pytest.mark.parametrize(("kind", "config"), [(RunKind.IMPORT, {}), (RunKind.SYNC, {"projects": ["ONE"]})])
def test_who_does_not_ask_for_all_makes_nothing_vanish_but_can_bring_back(
    integration: Integration, kind: RunKind, config: dict[str, Any]
) -> None:
    discover(integration, *ALL)
    CustomField.objects.filter(external_id="a").update(active=False)
    run = run_of(integration, kind, **config)
    tell(run, listed("a"))

    settle(run)

    assert active() == {"a", "b", "c"}


def test_an_older_discovery_that_is_settled_late_changes_nothing(integration: Integration) -> None:
    older = run_of(integration)
    tell(older, *ALL)
    discover(integration, listed("a", "d"))

    settle(older)

    assert active() == {"a", "d"}
    assert not ProjectCustomField.objects.exists()


def test_settling_again_writes_nothing(integration: Integration) -> None:
    run = run_of(integration)
    tell(run, *ALL)
    settle(run)
    before = [list(CustomField.objects.values()), list(ProjectCustomField.objects.values())]

    settle(run)

    assert [list(CustomField.objects.values()), list(ProjectCustomField.objects.values())] == before


def test_answers_of_earlier_runs_that_a_run_adopted_do_not_count(integration: Integration) -> None:
    later = run_of(integration)
    tell(later, listed("a"))
    tell(later, listed("a", "b"), asked=at(0))

    settle(later)

    assert active() == {"a"}


def test_a_project_that_is_not_known_gets_no_row(integration: Integration) -> None:
    discover(integration, listed("a"), offered("9", "7", "a"))

    assert not ProjectCustomField.objects.exists()
