"""Saving a mapping: who comes second is told, and nothing is half saved."""

import threading
from functools import partial

import pytest
from django.db import transaction

from custommapping.errors import Outdated, Refused
from custommapping.mapping import columns_of
from custommapping.models import CustomFieldMapping
from etl.jobs import discovered, lifecycle
from etl.mapping.saving import Saved, save_mapping
from etl.models import EtlJob, Overall, RunKind, StageState
from integrations.models import Integration
from tests.integrations.providers.jira.samples import issue
from tests.services.waiting import wait_until
from tests.support.making import a_run, an_integration, job_of, raw_row
from tests.support.mapping import a_field, transformed, with_fields
from tests.support.threads import a_waiting_lock, at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def jira() -> Integration:
    return with_fields("string", "number")


def save(integration: Integration, version: int = 0, **columns: str | None) -> Saved:
    return save_mapping(integration, columns, version=version, by="ann")


def mapped(integration: Integration) -> dict[str, str]:
    row = CustomFieldMapping.objects.filter(integration=integration).first()
    return {column: field.external_id for column, field in columns_of(row).items()}


def due(integration: Integration) -> bool:
    return job_of(integration).retransform_due_at is not None


def test_each_save_makes_another_version_of_the_whole_mapping(jira: Integration) -> None:
    first = save(jira, team="customfield_1")
    second = save(jira, 1, story_points="customfield_2")

    assert (first.version, second.version) == (1, 2)
    assert mapped(jira) == {"story_points": "customfield_2"}


def test_what_is_the_same_already_is_not_saved(jira: Integration) -> None:
    save(jira, team="customfield_1")
    before = CustomFieldMapping.objects.values().get()

    saved = save(jira, 1, team="customfield_1", story_points=None)

    assert (saved.version, saved.run, CustomFieldMapping.objects.values().get()) == (1, None, before)


def test_an_empty_mapping_where_there_was_none_is_nothing_to_save(jira: Integration) -> None:
    saved = save(jira)

    assert (saved.mapping, saved.version, due(jira)) == (None, 0, False)
    assert not CustomFieldMapping.objects.exists()


@pytest.mark.parametrize("version", [0, 2, -1])
def test_who_saw_another_version_is_told_and_saves_nothing(jira: Integration, version: int) -> None:
    save(jira, team="customfield_1")

    with pytest.raises(Outdated, match=f"version: the mapping is at version 1 by now, and you saw version {version}"):
        save(jira, version, team=None)

    assert mapped(jira) == {"team": "customfield_1"}


def test_what_is_refused_leaves_all_as_it_was(jira: Integration) -> None:
    save(jira, team="customfield_1")

    with pytest.raises(Refused, match="story_points: takes only numbers"):
        save(jira, 1, team=None, story_points="customfield_1", custom_field_01="customfield_2")

    assert mapped(jira) == {"team": "customfield_1"}
    assert CustomFieldMapping.objects.get().version == 1


def test_an_inactive_mapping_becomes_active_again_from_its_version_on(jira: Integration) -> None:
    save(jira, team="customfield_1")
    CustomFieldMapping.objects.update(active=False)

    assert save(jira, 1, team="customfield_1").version == 2
    assert mapped(jira) == {"team": "customfield_1"}


def test_mappings_of_other_integrations_stay_as_they_are(jira: Integration) -> None:
    other = an_integration("Other")
    a_field(other, 1)
    save(other, team="customfield_1")

    save(jira, code_changed="customfield_1")

    assert (mapped(other), mapped(jira)) == ({"team": "customfield_1"}, {"code_changed": "customfield_1"})


def test_where_nothing_is_loaded_nothing_is_re_transformed(jira: Integration) -> None:
    assert save(jira, team="customfield_1").run is None
    assert not due(jira)
    assert job_of(jira).overall == Overall.NOT_STARTED


def test_what_is_loaded_is_re_transformed(jira: Integration) -> None:
    transformed(a_run(jira, RunKind.IMPORT), issue(1))

    run = save(jira, team="customfield_1").run

    assert run
    assert (run.kind, run.status, run.trigger) == (RunKind.REPROCESS, Overall.RUNNING, "mapping saved by ann")
    assert due(jira)


@pytest.mark.parametrize("state", [Overall.RUNNING, Overall.PAUSED])
def test_a_job_that_is_not_free_has_the_mapping_and_its_re_transform_is_due(jira: Integration, state: Overall) -> None:
    run = a_run(jira, RunKind.SYNC)
    transformed(run, issue(1))
    EtlJob.objects.update(status={"overall": state})

    saved = save(jira, team="customfield_1")

    assert (saved.version, saved.run, due(jira)) == (1, None, True)


@pytest.mark.django_db(transaction=True)
def test_of_several_who_save_at_once_one_wins_and_the_others_are_told(jira: Integration) -> None:
    def try_to_save(column: str) -> str:
        try:
            save_mapping(jira, {column: "customfield_1"}, version=0, by="ann")
        except Outdated:
            return ""
        return column

    told = at_once(*[partial(try_to_save, f"custom_field_{number:02}") for number in range(1, 5)])

    (winner,) = [column for column in told if column]
    assert mapped(jira) == {winner: "customfield_1"}


@pytest.mark.django_db(transaction=True)
def test_a_field_that_a_discovery_makes_inactive_at_the_same_instant_is_refused(jira: Integration) -> None:
    steps = [step for step in jira.provider_code.steps if step.name == jira.provider_code.fields_step]
    run = lifecycle.new_run(job_of(jira), RunKind.DISCOVERY, "test", {}, steps)
    step = run.steps.get()
    step.extraction = step.transform = StageState.FINISHED
    told = {"listed": ["customfield_2"], "seen": {}, "offered": {}, "unreadable": [], "run": run.pk}
    raw_row(run, step=step.step, status="completed", extraction_metadata={"fields_told": told})
    settled = threading.Event()

    def discover() -> None:
        with transaction.atomic():
            discovered.settle(step)
            settled.set()
            assert wait_until(a_waiting_lock, 20)

    def save_then() -> None:
        assert settled.wait(20)
        with pytest.raises(Refused, match="is inactive"):
            save(jira, team="customfield_1")

    at_once(discover, save_then)

    assert mapped(jira) == {}
