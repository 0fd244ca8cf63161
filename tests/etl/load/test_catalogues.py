from dataclasses import replace
from itertools import permutations

import pytest

from custommapping.models import Authority, CustomField, Project, ProjectStatus, ProjectWit, Status, Wit
from integrations.records import (
    Batch,
    CustomFieldRecord,
    ProjectRecord,
    ProjectStatuses,
    ProjectWits,
    StatusRecord,
    WitRecord,
)
from tests.support.loading import Loading
from tests.support.records import DOING, DONE, STATUSES, TASK, TODO, at, change, issue, items, statuses
from tests.support.tables import versions

ALPHABET = ProjectRecord("100", "ABC", "The whole alphabet", lead_name="Zoe")


def only_status(external_id: str) -> tuple[str, str | None, int]:
    row = Status.objects.get(external_id=external_id)
    return row.name, row.category, row.authority


def test_what_an_issue_shows_of_its_project_type_and_status_stands_in_until_they_are_listed(loading: Loading) -> None:
    loading.load(items(issue()))
    seen = [model.objects.get() for model in (Project, Wit, Status)]

    loading.load(Batch(projects=[ALPHABET], wits=[WitRecord("10", "Task", "Work", hierarchy_level=0)],
                       statuses=[StatusRecord("1", "Backlog", TODO, "Waits")]), extracted=-5)  # fmt: skip

    listed = [model.objects.get() for model in (Project, Wit, Status)]
    assert [row.authority for row in seen] == [Authority.SEEN] * 3
    assert [row.authority for row in listed] == [Authority.LISTED] * 3
    assert [row.pk for row in listed] == [row.pk for row in seen]
    assert [row.description for row in Wit.objects.all()] + [row.description for row in Status.objects.all()] == [
        "Work", "Waits",
    ]  # fmt: skip
    assert Project.objects.get().name == "The whole alphabet"


def test_what_is_only_seen_never_overwrites_what_is_listed_however_new_it_is(loading: Loading) -> None:
    loading.load(Batch(projects=[ALPHABET], wits=[TASK], statuses=[STATUSES["1"]]))
    before = versions(loading.integration.pk)

    loading.load(items(replace(issue(version=99), project_name="Other", wit=WitRecord("10", "Other"),
                               status=StatusRecord("1", "Other", DONE))), extracted=99)  # fmt: skip

    after = versions(loading.integration.pk)
    assert {table: after[table] for table in ("projects", "wits", "statuses")} == {
        table: before[table] for table in ("projects", "wits", "statuses")
    }


def test_a_deleted_status_keeps_the_name_that_the_history_knows_it_by(loading: Loading) -> None:
    changes = (change(1, 1, "1", "77", to_name="Halted"), change(2, 2, "77", "1", from_name="Blocked"))

    loading.load(items(issue(changes=changes, version=2)))

    assert only_status("77") == ("Blocked", None, Authority.MENTIONED)
    assert [row.to_status_name for row in loading.item().changelogs.order_by("external_id")] == ["Halted", "Backlog"]


def test_a_status_that_was_renamed_in_histories_has_its_newest_name_in_any_order(loading: Loading) -> None:
    early = items(issue("1", changes=(change(1, 1, "1", "77", to_name="Old name"),), version=1))
    late = items(issue("2", changes=(change(2, 5, "1", "77", to_name="New name"),), version=5))

    loading.load(late)
    loading.load(early)

    assert only_status("77")[0] == "New name"


def test_a_status_that_is_only_mentioned_later_stays_as_it_was_listed(loading: Loading) -> None:
    loading.load(statuses(StatusRecord("77", "Blocked", DOING)))

    loading.load(items(issue(changes=(change(1, 90, "1", "77", to_name="Blocked once"),), version=90)))

    assert only_status("77") == ("Blocked", DOING, Authority.LISTED)


def test_a_mentioned_status_is_filled_when_an_issue_is_seen_in_it_and_then_when_it_is_listed(loading: Loading) -> None:
    found = []
    for batch in (
        items(issue("1", changes=(change(1, 50, "1", "77"),), version=50)),
        items(replace(issue("2"), status=StatusRecord("77", "Blocked", DOING))),
        statuses(StatusRecord("77", "Blocked!", TODO)),
    ):
        loading.load(batch, extracted=-100)
        found.append(only_status("77"))

    assert found == [("Gone 77", None, 0), ("Blocked", DOING, 1), ("Blocked!", TODO, 2)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_listings_the_newer_one_wins_in_any_order(loading: Loading, order: tuple[int, int]) -> None:
    listings = [
        (1, Batch(projects=[ProjectRecord("100", "ABC", "Old", archived=True)])),
        (2, Batch(projects=[ProjectRecord("100", "XYZ", "New")])),
    ]

    for number in order:
        hours, batch = listings[number]
        loading.load(batch, extracted=hours)

    project = Project.objects.get()
    assert (project.key, project.name, project.archived) == ("XYZ", "New", False)


SITE = statuses(StatusRecord("1", "Backlog", None, "Waits"))
OF_PROJECT = Batch(statuses=[StatusRecord("1", "Old name", TODO)], project_statuses=[ProjectStatuses("100", ("1",))])
ON_ISSUE = items(replace(issue(), status=StatusRecord("1", "Backlog!", DOING)))


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("site_tells", [True, False])
def test_a_list_that_leaves_a_category_out_does_not_take_it_away_in_any_order(
    loading: Loading, order: tuple[int, ...], site_tells: bool
) -> None:
    site = statuses(StatusRecord("1", "Backlog", DONE, "Waits", "100")) if site_tells else SITE
    sources = [loading.source(at(hours)) for hours in range(3)]

    for place in order:
        loading.load((site, OF_PROJECT, ON_ISSUE)[place], sources[place])

    found = only_status("1")
    assert found == (("Backlog", DONE, Authority.LISTED) if site_tells else ("Backlog!", DOING, Authority.SEEN))
    assert loading.item().total_work_starts == (not site_tells)


def test_lists_that_say_differently_much_of_a_status_write_nothing_when_they_come_again(loading: Loading) -> None:
    bare = replace(OF_PROJECT, statuses=[StatusRecord("1", "Backlog")])
    listings = [statuses(StatusRecord("1", "Backlog", DONE, "Waits")), OF_PROJECT, bare]
    for hours, batch in enumerate(listings):
        loading.load(batch, extracted=hours)
    before = versions(loading.integration.pk)

    for hours, batch in enumerate(listings):
        loading.load(batch, extracted=9 + hours)

    assert versions(loading.integration.pk) == before


def pairs(loading: Loading) -> set[tuple[str, str]]:
    rows = ProjectStatus.objects.filter(integration=loading.integration)
    return set(rows.values_list("project__external_id", "status__external_id"))


def used(project: str, *status_ids: str) -> Batch:
    return Batch(
        statuses=[STATUSES[status] for status in status_ids], project_statuses=[ProjectStatuses(project, status_ids)]
    )


def test_a_pair_that_a_newer_answer_no_longer_lists_is_removed(loading: Loading) -> None:
    loading.load(used("100", "1", "3", "5"), extracted=1)
    loading.load(used("200", "1"), extracted=1)

    loading.load(used("100", "3", "4"), extracted=2)

    assert pairs(loading) == {("100", "3"), ("100", "4"), ("200", "1")}


def test_an_older_answer_neither_removes_nor_adds_pairs(loading: Loading) -> None:
    loading.load(used("100", "3", "4"), extracted=2)

    loading.load(used("100", "1", "3"), extracted=1)

    assert pairs(loading) == {("100", "3"), ("100", "4")}


def test_a_project_without_statuses_loses_all_its_pairs(loading: Loading) -> None:
    loading.load(used("100", "1"), extracted=1)

    loading.load(used("100"), extracted=2)

    assert pairs(loading) == set()


def offers(*relations: tuple[str, str]) -> Batch:
    return Batch(
        wits=[WitRecord(wit, f"Type {wit}") for _, wit in relations],
        project_wits=[ProjectWits(project, (wit,)) for project, wit in relations],
    )


def test_an_old_answer_about_several_projects_does_not_make_the_pairs_of_one_older_than_they_are(
    loading: Loading,
) -> None:
    loading.load(offers(("100", "13")), extracted=3)
    loading.load(offers(("100", "11"), ("200", "11")), extracted=1)

    loading.load(offers(("100", "12")), extracted=2)

    rows = ProjectWit.objects.values_list("project__external_id", "wit__external_id")
    assert set(rows) == {("100", "13"), ("200", "11")}


def test_pairs_of_a_project_that_is_not_listed_yet_wait_on_its_placeholder(loading: Loading) -> None:
    loading.load(used("100", "1"))
    placeholder = Project.objects.get()

    loading.load(Batch(projects=[ALPHABET]))

    assert (placeholder.name, placeholder.authority) == ("100", Authority.MENTIONED)
    assert Project.objects.get().name == "The whole alphabet"
    assert pairs(loading) == {("100", "1")}


def test_listing_the_same_again_later_writes_no_row(loading: Loading) -> None:
    batch = Batch(
        projects=[ALPHABET], wits=[TASK], statuses=[StatusRecord("9", "Local", TODO, project_id="300"), STATUSES["1"]],
        project_wits=[ProjectWits("100", ("10",))], project_statuses=[ProjectStatuses("100", ("1", "9"))],
        custom_fields=[CustomFieldRecord("customfield_1", "Team", "team", ("set",), {"type": "team"})],
    )  # fmt: skip
    loading.load(batch, extracted=1)
    before, fields = versions(loading.integration.pk), CustomField.objects.get().last_updated_at

    loading.load(batch, extracted=2)

    assert versions(loading.integration.pk) == before
    assert CustomField.objects.get().last_updated_at == fields


def test_a_status_of_one_project_is_linked_to_it_also_where_it_is_not_listed(loading: Loading) -> None:
    loading.load(statuses(StatusRecord("9", "Local", TODO, project_id="300")))

    project = Status.objects.get().project
    assert project is not None
    assert (project.external_id, project.authority) == ("300", Authority.MENTIONED)


def test_a_custom_field_is_loaded_with_its_schema_and_renamed_by_a_newer_answer(loading: Loading) -> None:
    for hours, name in ((2, "Squad"), (1, "Team")):
        loading.load(Batch(custom_fields=[CustomFieldRecord("customfield_1", name, "team", ("set",), {"a": [1]})]),
                     extracted=hours)  # fmt: skip

    field = CustomField.objects.get()
    assert (field.name, field.authority, field.schema) == ("Squad", Authority.LISTED, {"a": [1]})


SEEN = CustomFieldRecord("customfield_1", "Team (PAY)", "string", listed=False)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_what_a_project_shows_of_a_field_counts_until_the_field_is_listed_in_any_order(
    loading: Loading, order: tuple[int, ...]
) -> None:
    said = [CustomFieldRecord("customfield_1", "Team", "team"), SEEN, replace(SEEN, name="Team (WEB)")]
    sources = [loading.source(at(hours)) for hours in range(3)]

    for place in order:
        loading.load(Batch(custom_fields=[said[place]]), sources[place])

    field = CustomField.objects.get()
    assert (field.name, field.field_type, field.authority) == ("Team", "team", Authority.LISTED)


def test_a_field_that_is_only_seen_again_writes_no_row(loading: Loading) -> None:
    loading.load(Batch(custom_fields=[SEEN]), extracted=1)
    before = CustomField.objects.get()

    loading.load(Batch(custom_fields=[SEEN]), extracted=2)

    assert (CustomField.objects.get().last_updated_at, before.authority) == (before.last_updated_at, Authority.SEEN)


def test_of_a_field_that_is_listed_twice_the_first_counts(loading: Loading) -> None:
    records = [CustomFieldRecord("customfield_1", name, "team") for name in ("Zebra", "Ant", "Bee")]

    loading.load(Batch(custom_fields=records))

    assert CustomField.objects.get().name == "Zebra"
