"""Links of work items to pull requests, branches and commits."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from etl.load.parents import adopt_links
from etl.models import Pr, QuarantinedRecord, Repository, WorkItemPrLink
from etl.sql import fetch
from integrations.records import Batch, DevLink, ItemLinks, LinkKind, LinkOverview, Quarantined
from tests.support.loading import STEP, Loading, offline_integration
from tests.support.records import START, at, issue, items

PR, BRANCH, COMMIT = LinkKind.PULL_REQUEST, LinkKind.BRANCH, LinkKind.COMMIT


@pytest.fixture
def loaded(listed: Loading) -> Loading:
    """An integration with the work items 1 and 2."""
    listed.load(items(issue("1"), issue("2")))
    return listed


def pull(number: int, **fields: Any) -> DevLink:
    url = f"https://github.com/acme/pay/pull/{number}"
    known: dict[str, Any] = {"repository": "acme/pay", "url": url, "pr_number": number, "state": "OPEN", "at": START}
    return DevLink(PR, url, **known | fields)


def told(
    *links: DevLink,
    item: str = "1",
    source: str = "github",
    kinds: tuple[LinkKind, ...] = (PR,),
    whole: bool = True,
    quarantined: Sequence[Quarantined] = (),
) -> Batch:
    return Batch(item_links=[ItemLinks(item, source, kinds, links, whole)], quarantined=quarantined)


def present(*pairs: tuple[str, LinkKind], item: str = "1", whole: bool = True) -> Batch:
    return Batch(link_overviews=[LinkOverview(item, pairs, whole)])


def numbers(loading: Loading, item: str = "1") -> list[tuple[str, int | None]]:
    rows = WorkItemPrLink.objects.filter(work_item=loading.item(item)).order_by("source", "pr_number")
    return list(rows.values_list("source", "pr_number"))


def written() -> list[tuple[Any, ...]]:
    """The physical versions of all links and work items."""
    links = fetch("SELECT id, xmin::text FROM work_items_prs_links ORDER BY id", [])
    return links + fetch("SELECT id, xmin::text FROM work_items ORDER BY id", [])


def test_links_of_all_kinds_become_rows_of_their_work_item(loaded: Loading) -> None:
    branch = DevLink(BRANCH, "acme/pay@fast", repository="acme/pay", title="fast")
    commit = DevLink(COMMIT, "acme/pay@ffff", repository="acme/pay", title="Round up", author="Ada")

    counted = loaded.load(told(pull(12, title="Pay faster", author="Ada"), branch, commit, kinds=(PR, BRANCH, COMMIT)))

    assert counted.records == 3
    rows = WorkItemPrLink.objects.filter(work_item=loaded.item()).order_by("kind")
    assert [(row.kind, row.external_repo, row.title, row.author) for row in rows] == [
        ("branch", "acme/pay", "fast", ""),
        ("commit", "acme/pay", "Round up", "Ada"),
        ("pull_request", "acme/pay", "Pay faster", "Ada"),
    ]
    assert (rows[2].pr_number, rows[2].state, rows[2].last_changed_at) == (12, "OPEN", START)


def test_the_same_answer_loaded_again_writes_nothing(loaded: Loading) -> None:
    batches = (present(("github", PR)), told(pull(1), pull(2)))
    sources = [loaded.source() for _ in batches]
    for batch, source in zip(batches, sources, strict=True):
        loaded.load(batch, source)
    before = written()

    for batch, source in zip(batches, sources, strict=True):
        loaded.load(batch, source)

    assert written() == before


def test_a_newer_answer_that_says_the_same_writes_no_link(loaded: Loading) -> None:
    loaded.load(told(pull(1), pull(2)))
    before = fetch("SELECT id, xmin::text FROM work_items_prs_links ORDER BY id", [])

    loaded.load(told(pull(2), pull(1)))

    assert fetch("SELECT id, xmin::text FROM work_items_prs_links ORDER BY id", []) == before


def test_what_changed_is_written_and_what_vanished_goes(loaded: Loading) -> None:
    loaded.load(told(pull(1), pull(2)))
    loaded.load(told(pull(1, url="https://gitlab.com/acme/pay/-/merge_requests/1"), source="gitlab"))
    loaded.load(told(pull(1), item="2"))
    loaded.load(told(DevLink(BRANCH, "b"), kinds=(BRANCH,)))

    loaded.load(told(pull(2, state="MERGED"), pull(3)))

    assert numbers(loaded) == [("github", 2), ("github", 3), ("github", None), ("gitlab", 1)]
    assert numbers(loaded, "2") == [("github", 1)]
    assert WorkItemPrLink.objects.get(pr_number=2).state == "MERGED"


def test_an_empty_answer_ends_all_links_of_its_application_and_kind(loaded: Loading) -> None:
    loaded.load(told(pull(1)))

    loaded.load(told())

    assert numbers(loaded) == []


def test_an_answer_that_could_not_tell_all_ends_nothing(loaded: Loading) -> None:
    loaded.load(told(pull(1)))

    loaded.load(told(pull(2), whole=False))

    assert numbers(loaded) == [("github", 1), ("github", 2)]


def test_an_overview_ends_what_it_does_not_name_and_says_when_it_was_read(loaded: Loading) -> None:
    for source in ("github", "gitlab"):
        loaded.load(told(pull(1), DevLink(BRANCH, "b"), source=source, kinds=(PR, BRANCH)))

    loaded.load(present(("github", BRANCH)), extracted=5)

    assert list(WorkItemPrLink.objects.values_list("source", "kind")) == [("github", "branch")]
    assert loaded.item().dev_status_read_at == at(5)
    assert loaded.item("2").dev_status_read_at is None


def test_an_overview_that_is_not_whole_ends_nothing_but_was_read(loaded: Loading) -> None:
    loaded.load(told(pull(1)))

    loaded.load(present(whole=False), extracted=5)

    assert numbers(loaded) == [("github", 1)]
    assert loaded.item().dev_status_read_at == at(5)


def test_an_older_overview_does_not_move_the_time_of_reading_back(loaded: Loading) -> None:
    first, second = loaded.source(at(1)), loaded.source(at(2))
    loaded.load(present(), second)

    loaded.load(present(), first)

    assert loaded.item().dev_status_read_at == at(2)


SCENARIOS: list[tuple[list[dict[str, Any]], list[int]]] = [
    # Two readings: the second without one of the pull requests, and with the other one changed.
    ([{"present": True}, {"links": (1, 2)}, {"present": True}, {"links": (2,), "state": "MERGED"}], [2]),
    # It was unlinked.
    ([{"present": True}, {"links": (1, 2)}, {"present": False}], []),
    # Unlinked, and linked again.
    ([{"links": (1,)}, {"present": False}, {"present": True}, {"links": (3,)}], [3]),
    # A part only; then unlinked, while another part is newer still.
    ([{"links": (1,)}, {"links": (2,), "whole": False}, {"links": (1, 4)}, {"links": (5,), "whole": False}], [1, 4, 5]),
    ([{"links": (1,)}, {"present": False}, {"links": (2,), "whole": False}], [2]),
    ([{"links": (1,)}, {"links": (1,), "whole": False}, {"links": (3,)}, {"present": True}], [3]),
]


@pytest.mark.parametrize(("answers", "expected"), SCENARIOS)
def test_answers_in_any_order_leave_the_same_links(
    loaded: Loading, answers: list[dict[str, Any]], expected: list[int]
) -> None:
    orders = list(permutations(range(len(answers))))
    loaded.load(items(*(issue(str(100 + number)) for number in range(len(orders)))))
    found = set()
    for number, order in enumerate(orders):
        item, sources = str(100 + number), [loaded.source() for _ in answers]
        for place in order:
            loaded.load(_answer(item, **answers[place]), sources[place])
        rows = WorkItemPrLink.objects.filter(work_item=loaded.item(item)).order_by("pr_number")
        found.add(tuple(rows.values_list("pr_number", "state")))

    assert len(found) == 1
    assert [number for number, _ in found.pop()] == expected


def _answer(item: str, **said: Any) -> Batch:
    if "present" in said:
        return present(*([("github", PR)] if said["present"] else []), item=item)
    state = said.get("state", "OPEN")
    return told(*(pull(number, state=state) for number in said["links"]), item=item, whole=said.get("whole", True))


def test_a_link_that_postgres_refuses_is_quarantined_and_the_others_stand(loaded: Loading) -> None:
    loaded.load(told(pull(1), pull(2, url="x" * 2001), pull(3)))

    assert numbers(loaded) == [("github", 1), ("github", 3)]
    entry = QuarantinedRecord.objects.get()
    assert (entry.table_name, entry.external_id) == (
        "work_items_prs_links", "1:github:pull_request:https://github.com/acme/pay/pull/2",
    )  # fmt: skip
    assert "2000" in entry.reason

    loaded.load(told(pull(1), pull(2), pull(3)))

    entry.refresh_from_db()
    assert entry.resolved_at is not None


def _unreadable(name: str = "1:github:pull_request:x") -> list[Quarantined]:
    return [Quarantined("work_items_prs_links", name, "detail[0]", "odd")]


def test_an_entry_of_an_unreadable_link_is_closed_by_the_next_good_answer_about_its_kind_only(loaded: Loading) -> None:
    loaded.load(told(whole=False, quarantined=_unreadable()))

    loaded.load(told(kinds=(BRANCH,)))
    assert QuarantinedRecord.objects.get().resolved_at is None
    loaded.load(told())

    assert QuarantinedRecord.objects.get().resolved_at is not None


def test_what_an_older_answer_could_not_tell_is_of_no_interest_after_a_newer_one(loaded: Loading) -> None:
    older, newer = loaded.source(), loaded.source()
    loaded.load(told(), newer)

    loaded.load(told(whole=False, quarantined=_unreadable()), older)

    assert not QuarantinedRecord.objects.exists()


def test_links_of_a_work_item_that_is_not_there_wait_for_it(loaded: Loading) -> None:
    sources = [loaded.source(), loaded.source()]
    batches = (present(("github", PR), item="9"), told(pull(1), pull(2), item="9"))
    counted = [loaded.load(batch, source) for batch, source in zip(batches, sources, strict=True)]
    assert [one.records for one in counted] == [0, 0]
    assert set(QuarantinedRecord.objects.values_list("reason", flat=True)) == {"work item 9 is not loaded"}
    for source in sources:
        loaded.raw(source.raw_id).__class__.objects.filter(pk=source.raw_id).update(status="completed")
    assert adopt_links(loaded.run.pk, STEP) == 0

    loaded.load(items(issue("9")))

    assert adopt_links(loaded.run.pk, STEP) == 2
    assert [loaded.raw(source.raw_id).status for source in sources] == ["pending", "pending"]
    for batch, source in zip(batches, sources, strict=True):
        loaded.load(batch, source)
    assert numbers(loaded, "9") == [("github", 1), ("github", 2)]
    assert not QuarantinedRecord.objects.filter(resolved_at=None).exists()


def test_what_other_integrations_found_of_a_work_item_stays(loaded: Loading) -> None:
    other = offline_integration("Acme", "GitHub")
    WorkItemPrLink.objects.create(
        tenant=other.tenant, integration=other, work_item=loaded.item(), source="github", external_id="theirs"
    )

    loaded.load(told())
    loaded.load(present())

    assert WorkItemPrLink.objects.get().external_id == "theirs"


@pytest.mark.parametrize(("tenant", "is_found"), [("Acme", True), ("Globex", False)])
def test_a_pull_request_that_is_known_is_linked_by_its_repository_and_number(
    loaded: Loading, tenant: str, is_found: bool
) -> None:
    theirs = offline_integration(tenant, "GitHub")
    owner: dict[str, Any] = {"integration": theirs, "tenant": theirs.tenant}
    repository = Repository.objects.create(**owner, external_id="R", name="pay", full_name="Acme/Pay")
    pr = Pr.objects.create(
        **owner, external_id="P", repository=repository, number=1, title="x", state="open", created=START, updated=START
    )

    loaded.load(told(pull(1), pull(2)))

    found = dict(WorkItemPrLink.objects.values_list("pr_number", "pr"))
    assert found == {1: pr.pk if is_found else None, 2: None}
