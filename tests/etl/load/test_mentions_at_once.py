"""Work items, pull requests and links loaded at the same time, in threads with connections of their own."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from etl.load.loader import load
from etl.load.merging import Source
from etl.models import WorkItemPrLink
from etl.sql import fetch
from integrations.records import Batch
from pulse.postgres.scope import in_same_scope
from tests.etl.load.test_mentions import code_of, developed, mentioning, pulls
from tests.services.waiting import wait_until
from tests.support.loading import Loading, offline_integration
from tests.support.records import STATUSES, issue, items, statuses
from tests.support.threads import LIMIT_SECONDS, at_once

pytestmark = pytest.mark.django_db(transaction=True)

NUMBERS = range(1, 31)
Work = list[tuple[Loading, Batch]]


def site_of(tenant: str) -> Loading:
    """An integration that brings work items and links, with its statuses."""
    site = Loading.of(offline_integration(tenant))
    site.load(statuses(*STATUSES.values()))
    return site


def item_pages() -> list[Batch]:
    """Every third moves to a key that no other one has, and back; every fifth leaves the scope."""
    first = [issue(str(number)) for number in NUMBERS]
    moved = [issue(str(number), version=1, key=f"XYZ-{number}") for number in NUMBERS if not number % 3]
    back = [issue(str(number), version=2) for number in NUMBERS if not number % 6]
    parts = [records[start : start + 6] for records in (first, moved, back) for start in range(0, len(records), 6)]
    return [*(items(*part) for part in parts), Batch(left=[str(number) for number in NUMBERS if not number % 5])]


def pull_pages() -> list[Batch]:
    """Each mentions two work items at first, then another two."""
    records = [
        mentioning(f"ABC-{number}", f"{project}-{number % 30 + 1 + version}", number=number, version=version)
        for number in NUMBERS
        for version, project in enumerate(("ABC", "XYZ"))
    ]
    return [pulls(*records[start : start + 6]) for start in range(0, len(records), 6)]


def link_pages() -> list[Batch]:
    """Each work item has two pull requests at first, then another one."""
    told = [
        developed(*({number + 1} if later else {number, 1}), item=str(number)).item_links[0]
        for later in (False, True)
        for number in NUMBERS
    ]
    return [Batch(item_links=told[start : start + 6]) for start in range(0, len(told), 6)]


def worked(site: Loading, code: Loading, shuffle: random.Random | None = None) -> list[tuple[Loading, Batch, Source]]:
    """All answers, as old as their place in the order in which they were given."""
    work = [(loading, batch, loading.source()) for loading, batch in _given(site, code)]
    if shuffle:
        shuffle.shuffle(work)
    return work


def _given(site: Loading, code: Loading) -> Work:
    given = [(site, batch) for batch in item_pages()] + [(code, batch) for batch in pull_pages()]
    return given + [(site, batch) for batch in link_pages()]


def rows(tenant: str) -> list[tuple[Any, ...]]:
    known = WorkItemPrLink.objects.filter(tenant__name=tenant).order_by(
        "work_item__external_id", "source", "external_id"
    )
    return list(
        known.values_list("work_item__external_id", "source", "external_id", "pr__external_id", "pr_number", "title")
    )


def load_all(work: Sequence[tuple[Loading, Batch, Source]]) -> Callable[[], None]:
    def run() -> None:
        for loading, batch, source in work:
            loading.load(batch, source)

    return run


@pytest.mark.parametrize("seed", range(2))
def test_four_threads_loading_answers_in_no_order_leave_the_links_of_one(seed: int) -> None:
    site, code = site_of("Acme"), code_of("Acme")
    straight, straight_code = site_of("Globex"), code_of("Globex")
    # Links wait for work items that are not there: here all are.
    for one in (site, straight):
        one.load(items(*(issue(str(number), version=-1) for number in NUMBERS)))
    load_all(worked(straight, straight_code))()
    work = worked(site, code, random.Random(seed))

    at_once(*(load_all(work[thread::4]) for thread in range(4)))

    assert rows("Acme") == rows("Globex")
    sources = [row[1] for row in rows("Acme")]
    assert sources.count("code") == 30
    assert sources.count("mention") > 15


def in_a_thread(pool: ThreadPoolExecutor, task: Callable[[], object]) -> "Future[object]":
    def run() -> object:
        try:
            return task()
        finally:
            connection.close()

    return pool.submit(in_same_scope(run))


def waits_or_ended(future: "Future[object]") -> bool:
    """Whether a load waits for a lock of a tenant or an integration, or has ended without waiting."""
    waiting = """SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
                 WHERE l.locktype = 'advisory' AND NOT l.granted"""
    return future.done() or bool(fetch(waiting, []))


@pytest.mark.parametrize("first", ["item", "pull request"])
def test_of_two_loads_at_once_the_second_sees_what_the_first_has_not_committed_yet(first: str) -> None:
    site, code = site_of("Acme"), code_of("Acme")
    work = [(site, items(issue("1")), site.source()), (code, pulls(mentioning("ABC-1")), code.source())]
    (_, batch, source), later = work if first == "item" else reversed(work)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            load(source, batch, {})
            future = in_a_thread(pool, load_all([later]))
            assert wait_until(lambda: waits_or_ended(future))
        future.result(timeout=LIMIT_SECONDS)

    assert [(row[0], row[1]) for row in rows("Acme")] == [("1", "mention")]


def test_a_load_of_pull_requests_keeps_nobody_of_another_tenant_waiting() -> None:
    code, theirs = code_of("Acme"), site_of("Globex")
    source = theirs.source()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        load(code.source(), pulls(mentioning("ABC-1")), {})
        future = in_a_thread(pool, load_all([(theirs, items(issue("1")), source)]))
        future.result(timeout=LIMIT_SECONDS)

    assert theirs.item().key == "ABC-1"
