"""How much fields are used, as the stored answers show it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from custommapping.models import CustomField
from etl.jobs import discovery
from etl.mapping import profile as profiling
from etl.mapping.profile import LONGEST_EXAMPLE, after, profile
from etl.mapping.saving import save_mapping
from etl.models import EtlJob, EtlJobRun, Overall, RunKind, WorkItem
from etl.sql import fetch
from integrations.models import Integration
from tests.integrations.providers.jira.samples import issue
from tests.support.driving import run_to_end, worked_off
from tests.support.making import a_run, an_integration, job_of
from tests.support.mapping import a_field, transformed, with_fields
from tests.support.sites import Connected

pytestmark = pytest.mark.django_db


@pytest.fixture
def jira() -> Integration:
    return with_fields("string", "array")


def loaded(integration: Integration, *values: dict[str, Any], first: int = 0) -> None:
    run = a_run(integration, RunKind.IMPORT)
    transformed(run, *(issue(number, **fields) for number, fields in enumerate(values, first)))


def told(integration: Integration, number: int = 1) -> tuple[int | None, int | None, int | None, list[str]]:
    """(items seen, items filled, distinct values, examples) of a field."""
    field = CustomField.objects.get(integration=integration, external_id=f"customfield_{number}")
    return field.items_seen, field.items_filled, field.distinct_values, field.examples


def versions() -> list[Any]:
    return fetch("SELECT id, ctid::text, xmin::text FROM custom_fields ORDER BY id", [])


def test_a_profile_counts_the_items_that_have_a_text(jira: Integration) -> None:
    values: list[Any] = ["a", {"value": "b"}, "a", None, "", " ", {"unknown": "shape"}, 0]
    loaded(jira, *({"customfield_1": value, "customfield_2": ["x", "y"]} for value in values))

    assert profile(jira) == 2
    assert told(jira) == (8, 4, 3, ["a", "0", "b"])
    assert told(jira, 2) == (8, 8, 1, ["x, y"])


def test_texts_are_those_that_columns_have(jira: Integration) -> None:
    document = {"type": "doc", "content": [{"type": "text", "text": "Words"}]}
    loaded(jira, {"customfield_1": document, "customfield_2": [{"id": "1", "name": "OK", "finalDecision": "approved"}]})

    profile(jira)

    assert (told(jira)[3], told(jira, 2)[3]) == (["Words"], ["OK: approved"])


def test_mapped_fields_and_others_have_the_same_profile(jira: Integration) -> None:
    loaded(jira, {"customfield_1": "a", "customfield_2": ["b"]}, {"customfield_1": "c"})
    profile(jira)
    before = told(jira), told(jira, 2)

    run = save_mapping(jira, {"team": "customfield_1"}, version=0, by="ann").run
    assert run
    worked_off(run)

    assert profile(jira) == 0
    assert (told(jira), told(jira, 2)) == before


def test_the_most_frequent_values_are_the_examples(jira: Integration) -> None:
    values = [name for number, name in enumerate("abcdefgh", 1) for _ in range(number)]
    loaded(jira, *({"customfield_1": value} for value in values))

    profile(jira)

    assert told(jira) == (36, 36, 8, ["h", "g", "f", "e", "d"])


def test_long_examples_are_cut_and_never_told_twice(jira: Integration) -> None:
    loaded(jira, {"customfield_1": "x" * 200 + "1"}, {"customfield_1": "x" * 200 + "2"}, {"customfield_1": "y" * 100})

    profile(jira)

    assert told(jira) == (3, 3, 3, ["x" * (LONGEST_EXAMPLE - 1) + "…", "y" * LONGEST_EXAMPLE])


def test_only_the_newest_active_items_are_looked_at(jira: Integration, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded(jira, {"customfield_1": "old"}, {"customfield_1": "old"})
    loaded(jira, {"customfield_1": "gone"}, {"customfield_1": "new"}, {"customfield_1": "new"}, first=5)
    WorkItem.objects.filter(key="ORB-5").update(active=False)
    monkeypatch.setattr(profiling, "MOST_ITEMS", 3)

    profile(jira)

    assert told(jira)[0] == 3
    assert told(jira)[3] == ["new", "old"]


def test_what_has_not_changed_is_not_written_again(jira: Integration) -> None:
    loaded(jira, {"customfield_1": "a"})
    profile(jira)
    before = versions()

    assert profile(jira) == 0
    assert versions() == before

    loaded(jira, {"customfield_1": "b"})
    assert profile(jira) == 1
    assert told(jira) == (1, 1, 1, ["b"])


def test_where_nothing_is_loaded_nothing_is_filled(jira: Integration) -> None:
    assert profile(jira) == 2
    assert told(jira) == (0, 0, 0, [])


def test_items_of_other_integrations_are_not_looked_at(jira: Integration) -> None:
    other = an_integration("Other")
    a_field(other, 1)
    loaded(other, {"customfield_1": "a"})

    profile(jira)

    assert (told(jira), told(other)) == ((0, 0, 0, []), (None, None, None, []))


def ended(integration: Integration, kind: RunKind, ago: timedelta = timedelta()) -> EtlJobRun:
    run = a_run(integration, kind)
    run.status, run.finished_at = Overall.FINISHED, timezone.now() - ago
    run.save()
    return run


def looked(integration: Integration, run: EtlJobRun) -> bool:
    """Whether that run's end made somebody look."""
    before = job_of(integration).fields_profiled_at
    after(run.pk)
    return job_of(integration).fields_profiled_at != before


@pytest.mark.parametrize("kind", [RunKind.SYNC, RunKind.DISCOVERY])
def test_the_first_run_that_ends_where_there_are_fields_profiles_them_once(jira: Integration, kind: RunKind) -> None:
    loaded(jira, {"customfield_1": "a"})
    run = ended(jira, kind)

    assert looked(jira, run)
    assert told(jira) == (1, 1, 1, ["a"])
    assert not looked(jira, run)
    assert not looked(jira, ended(jira, RunKind.SYNC))


def test_a_day_later_the_next_sync_profiles_them_again(jira: Integration) -> None:
    loaded(jira, {"customfield_1": "a"})
    profile(jira)
    EtlJob.objects.update(fields_profiled_at=timezone.now() - timedelta(hours=25))

    assert looked(jira, ended(jira, RunKind.SYNC))


def test_each_discovery_profiles_them_also_one_that_another_process_ended(jira: Integration) -> None:
    loaded(jira, {"customfield_1": "a"})
    profile(jira)

    assert looked(jira, ended(jira, RunKind.DISCOVERY))
    ended(jira, RunKind.DISCOVERY)
    assert looked(jira, ended(jira, RunKind.SYNC))


def test_a_look_that_was_broken_off_is_begun_again(jira: Integration) -> None:
    loaded(jira, {"customfield_1": "a"})
    profile(jira)
    CustomField.objects.filter(external_id="customfield_2").update(profiled_at=None)
    assert not looked(jira, ended(jira, RunKind.SYNC))
    EtlJob.objects.update(fields_profiled_at=timezone.now() - timedelta(minutes=11))

    assert looked(jira, ended(jira, RunKind.SYNC))
    assert not CustomField.objects.filter(profiled_at=None).exists()


def test_a_sync_that_loads_the_first_items_after_a_discovery_profiles_the_fields(jira: Integration) -> None:
    assert looked(jira, ended(jira, RunKind.DISCOVERY))
    loaded(jira, {"customfield_1": "a"})

    assert looked(jira, ended(jira, RunKind.SYNC))
    assert told(jira) == (1, 1, 1, ["a"])
    assert not looked(jira, ended(jira, RunKind.SYNC))


@pytest.mark.parametrize("kind", [RunKind.REPROCESS, RunKind.REPAIR, RunKind.WEBHOOK, RunKind.IMPORT])
def test_the_end_of_other_runs_profiles_nothing(jira: Integration, kind: RunKind) -> None:
    assert not looked(jira, ended(jira, kind))


def test_where_there_are_no_fields_or_the_run_is_not_over_nothing_is_profiled(jira: Integration) -> None:
    assert not looked(jira, a_run(jira))
    other = an_integration("Other")

    assert not looked(other, ended(other, RunKind.SYNC))


def test_a_profile_that_fails_harms_nobody_and_a_lost_database_is_told(
    jira: Integration, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(error: Exception) -> None:
        def profile(integration: Integration) -> int:
            raise error

        monkeypatch.setattr(profiling, "profile", profile)

    fail(ValueError("odd"))
    after(ended(jira, RunKind.DISCOVERY).pk)
    assert "could not be profiled" in caplog.text

    fail(OperationalError("gone"))
    with pytest.raises(OperationalError):
        after(ended(jira, RunKind.DISCOVERY).pk)


@pytest.mark.usefixtures("recording")
def test_the_worker_that_ends_a_discovery_profiles_what_it_found(connected: Connected) -> None:
    assert run_to_end(connected.job).status == Overall.FINISHED
    run = discovery.request(connected.job, "test")
    discovery.begin(run.pk)
    assert worked_off(EtlJobRun.objects.get(pk=run.pk)).status == Overall.FINISHED

    fields = CustomField.objects.filter(integration=connected.integration)
    items = WorkItem.objects.filter(integration=connected.integration, active=True).count()

    assert set(fields.values_list("items_seen", flat=True)) == {items}
    severity = fields.get(name="Severity")
    assert severity.items_filled
    assert set(severity.examples) <= {"Blocker", "Major", "Minor"}
