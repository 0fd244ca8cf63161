"""Stored answers of a sandbox, transformed by the stage itself in any order."""

import random
from collections.abc import Callable, Iterator

import pytest

from custommapping.models import Project, ProjectStatus, ProjectWit, Status, Wit
from etl import pipeline
from etl.extraction.storage import store_answer
from etl.jobs import lifecycle
from etl.models import Changelog, EtlJobRun, QdrantVector, QuarantinedRecord, RawExtractionData, WorkItem
from etl.queue.topology import Stage
from integrations.providers.jira.normalise import ISSUES
from tests.support.driving import waiting, work_off
from tests.support.loading import Loading, offline_integration
from tests.support.sites import Connected, connect, small_site
from tests.support.tables import derived_rows
from tests.support.threads import at_once

LOADING = (Stage.EXTRACTION, Stage.TRANSFORM)


def sync_without_embedding(site: Connected) -> EtlJobRun:
    """A sync of which the vectors stay waiting."""
    run = lifecycle.start(site.job.pk, trigger="test", config={"full_sync": True})
    work_off(run, stages=LOADING)
    lifecycle.stop(site.job.pk)
    return run


def forget_derived() -> None:
    WorkItem.objects.update(parent=None)
    for model in (QdrantVector, Changelog, WorkItem, ProjectWit, ProjectStatus, Status, Wit, Project):
        model.objects.all().delete()


@pytest.fixture
def edited(transactional_db: None) -> Iterator[Connected]:
    """A site that was read twice, with issues and their histories changed in between."""
    with small_site() as server:
        site = connect(server)
        sync_without_embedding(site)
        for key in server.site.keys()[:6]:
            server.site.edit_issue(key, summary=f"{key} was edited", fields={"priority": {"id": "1", "name": "Top"}})
        sync_without_embedding(site)
        yield site


def transform_all(unit_ids: list[int]) -> Callable[[], None]:
    def run() -> None:
        for unit in unit_ids:
            pipeline.handle(Stage.TRANSFORM, [unit])

    return run


@pytest.mark.parametrize("seed", range(2))
def test_two_workers_transforming_stored_answers_in_no_order_leave_the_rows_of_the_syncs(
    edited: Connected, seed: int
) -> None:
    expected = derived_rows(edited.integration.pk)
    forget_derived()

    run = lifecycle.reprocess(edited.job.pk, trigger="test")
    answers = waiting(run.pk, Stage.TRANSFORM)
    random.Random(seed).shuffle(answers)
    at_once(transform_all(answers[::2]), transform_all(answers[1::2]))
    work_off(run, stages=LOADING)

    assert derived_rows(edited.integration.pk) == expected
    assert not RawExtractionData.objects.exclude(status="completed").exists()


@pytest.mark.django_db
def test_numbers_beyond_any_float_do_not_keep_an_answer_from_being_loaded() -> None:
    points = (b"5", b"1e400", b"9" * 30)

    raw = load_page(Loading.of(offline_integration()), *[raw_issue(*pair) for pair in enumerate(points)])

    assert (raw.status, raw.records) == ("completed", 3)
    kept = [WorkItem.objects.get(key=f"ABC-{number}").custom_fields_overflow for number in range(2)]
    assert kept == [{"customfield_1": 5}, {"customfield_1": f"1{'0' * 400}"}]


def raw_issue(number: int, points: bytes, created: bytes = b'"2024-03-01T09:00:00.000+0000"') -> bytes:
    return b"""{"id": "%d", "key": "ABC-%d", "fields": {"summary": "Issue", "customfield_1": %s, "created": %s,
        "updated": "2024-03-01T09:00:00.000+0000", "project": {"id": "100", "key": "ABC", "name": "Alphabet"},
        "issuetype": {"id": "10", "name": "Task"}, "status": {"id": "1", "name": "Backlog"}},
        "changelog": {"histories": [], "total": 0}}""" % (number, number, points, created)


def load_page(loading: Loading, *issues: bytes) -> RawExtractionData:
    """A stored page of those issues, transformed."""
    body = b'{"issues": [%s], "isLast": true}' % b",".join(issues)
    raw_id = store_answer(loading.origin, ISSUES, "project:100:page:1", body, {})
    pipeline.handle(Stage.TRANSFORM, [raw_id])
    return loading.raw(raw_id)


@pytest.mark.django_db
def test_an_issue_that_is_right_again_and_as_it_was_closes_its_quarantine_entry() -> None:
    loading = Loading.of(offline_integration())
    good, bad = raw_issue(1, b"5"), raw_issue(1, b"5", created=b'"yesterday"')
    still_open = []

    for issue in (good, bad, good):
        load_page(loading, issue)
        still_open.append(QuarantinedRecord.objects.filter(resolved_at=None).count())

    assert still_open == [0, 1, 0]
