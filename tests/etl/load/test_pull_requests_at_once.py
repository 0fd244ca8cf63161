"""Repositories and pull requests loaded at the same time, in threads with connections of their own."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from etl.load.loader import load
from etl.load.merging import Source
from etl.models import Pr, PrComment, Repository
from etl.sql import fetch
from integrations.records import Batch
from pulse.postgres.scope import in_same_scope, tenant_scope
from tests.etl.load.test_pull_requests import full, load_all, pages
from tests.etl.load.test_repositories import API, listing, made_up_answers
from tests.services.waiting import wait_until
from tests.support.loading import Loading, offline_integration
from tests.support.records import WEB, at, comment, pulls
from tests.support.tables import derived_rows
from tests.support.threads import LIMIT_SECONDS, at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def loading() -> Loading:
    """An integration with the repository of all pull requests listed."""
    loading = Loading.of(offline_integration())
    loading.load(Batch(repositories=[WEB]))
    return loading


@pytest.mark.parametrize("seed", range(2))
def test_two_threads_loading_pages_in_no_order_leave_the_rows_of_one(seed: int) -> None:
    one, two = (Loading.of(offline_integration(name=name)) for name in ("One", "Two"))
    batches = pages(seed)
    load_all(one, [(one.source(), batch) for batch in batches])()
    work = [(two.source(), batch) for batch in batches]

    at_once(load_all(two, work[::2]), load_all(two, work[1::2]))

    assert derived_rows(two.integration.pk) == derived_rows(one.integration.pk)


@pytest.mark.parametrize("seed", range(2))
def test_two_threads_loading_listings_in_no_order_leave_the_repositories_of_one(seed: int) -> None:
    one, two = (Loading.of(offline_integration(name=name)) for name in ("One", "Two"))
    straight, mixed = (
        [(loading.source(at(hour)), batch) for hour, batch in enumerate(made_up_answers(seed, 24))]
        for loading in (one, two)
    )
    load_all(one, straight)()
    random.Random(seed).shuffle(mixed)

    at_once(load_all(two, mixed[::2]), load_all(two, mixed[1::2]))

    assert derived_rows(two.integration.pk) == derived_rows(one.integration.pk)


def beside(pool: ThreadPoolExecutor, task: Callable[[], None]) -> "Future[None]":
    """Begins the task in a thread; when it waits for what this transaction has locked, or has ended."""

    def run() -> None:
        try:
            task()
        finally:
            connection.close()

    def waits_or_ended() -> bool:
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        return future.done() or bool(fetch(waiting, []))

    future = pool.submit(in_same_scope(run))
    assert wait_until(waits_or_ended, LIMIT_SECONDS)
    return future


def load_beside(loading: Loading, first: Sequence[tuple[Source, Batch]], other: tuple[Source, Batch]) -> bool:
    """Loads the first in one transaction, and after the first of these the other beside it; whether that waited."""
    with ThreadPoolExecutor(1) as pool:
        with tenant_scope(loading.integration.tenant_id), transaction.atomic():
            load(*first[0], {})
            future = beside(pool, load_all(loading, [other]))
            waited = not future.done()
            for one in first[1:]:
                load(*one, {})
        future.result(timeout=LIMIT_SECONDS)
    return waited


@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
def test_loads_of_the_same_pull_requests_take_them_in_one_order_whatever_their_answers_have(
    loading: Loading, known: bool
) -> None:
    one, two = full("1", version=2), full("2", version=2)
    if known:
        loading.load(pulls(full("1", version=1), full("2", version=1)))
    halves = [(loading.source(), pulls(one)), (loading.source(), pulls(two))]
    backwards = (loading.source(), pulls(full("2", version=3), full("1", version=3)))

    # Had the other one taken the second while it waits for the first, neither would ever end.
    assert load_beside(loading, halves, backwards)

    assert set(Pr.objects.values_list("updated", flat=True)) == {at(3)}


def test_an_old_answer_read_again_waits_for_a_newer_one_and_leaves_alone_what_belongs_to_it(loading: Loading) -> None:
    old, new = loading.source(), loading.source()
    loading.load(pulls(full(version=1)), old)

    waited = load_beside(
        loading, [(new, pulls(full(version=2, comments=(comment(99),))))], (old, pulls(full(version=1)))
    )

    assert waited
    assert list(PrComment.objects.values_list("external_id", flat=True)) == ["99"]


def test_a_listing_sees_what_an_older_one_beside_it_has_not_committed_yet(loading: Loading) -> None:
    older, newer = loading.source(at(1)), loading.source(at(2))

    load_beside(loading, [(older, listing(WEB, API))], (newer, listing(WEB)))

    assert dict(Repository.objects.values_list("full_name", "active")) == {"acme/web": True, "acme/api": False}
