"""A site's types and their pairs with projects: from Jira's answers to rows."""

from typing import Any

import pytest

from custommapping.models import Project, ProjectWit, Wit
from integrations.provider import RawAnswer
from integrations.providers.jira.normalise import PROJECTS, normalise
from tests.support.loading import Loading
from tests.support.tables import versions

TYPES, PROJECTS_OF_SITE, PAIRS = 11, 10, 86


def kind(number: int) -> dict[str, Any]:
    """A type; two are called the same, and one is another's translation."""
    names = {3: "Story", 4: "Story", 5: "Aufgabe", 6: "Task"}
    return {"id": str(10_000 + number), "name": names.get(number, f"Type {number}"), "subtask": number == 10}


def offered(project: int) -> list[int]:
    """The first six projects offer all types, the others five each: 86 pairs."""
    return list(range(TYPES)) if project < 6 else [(project + step) % TYPES for step in range(5)]


def project(number: int, kinds: list[int]) -> dict[str, Any]:
    named = {"id": str(20_000 + number), "key": f"P{number}", "name": f"Project {number}"}
    return named | {"lead": None, "issueTypes": [kind(one) for one in kinds]}


def site() -> list[dict[str, Any]]:
    return [project(number, offered(number)) for number in range(PROJECTS_OF_SITE)]


def cloud() -> list[RawAnswer]:
    """Three pages."""
    pages = [site()[start : start + 4] for start in range(0, PROJECTS_OF_SITE, 4)]
    return [RawAnswer(PROJECTS, f"projects:{place}", {"values": page}) for place, page in enumerate(pages)]


def data_center() -> list[RawAnswer]:
    return [RawAnswer(PROJECTS, "projects", site())]


def load(loading: Loading, answers: list[RawAnswer], *, extracted: float = 0) -> None:
    for answer in answers:
        loading.load(normalise(answer), extracted=extracted)


@pytest.mark.parametrize("answers", [cloud(), cloud()[::-1], data_center()])
def test_a_type_is_one_row_however_many_projects_use_it(loading: Loading, answers: list[RawAnswer]) -> None:
    load(loading, answers)

    assert Wit.objects.count() == TYPES
    assert Project.objects.count() == PROJECTS_OF_SITE
    assert ProjectWit.objects.count() == PAIRS
    pairs = set(ProjectWit.objects.values_list("project__external_id", "wit__external_id"))
    assert pairs == {(found["id"], one["id"]) for found in site() for one in found["issueTypes"]}
    assert list(Wit.objects.filter(name="Story").order_by("external_id").values_list("external_id", flat=True)) == [
        "10003", "10004",
    ]  # fmt: skip


def test_the_same_site_again_writes_no_row_in_either_dialect(loading: Loading) -> None:
    load(loading, cloud())
    before = versions(loading.integration.pk)

    load(loading, data_center(), extracted=1)

    assert versions(loading.integration.pk) == before


def test_a_pair_that_a_project_gave_up_ends_and_its_type_stays(loading: Loading) -> None:
    load(loading, data_center())

    load(loading, [RawAnswer(PROJECTS, "projects", [project(0, [1]), *site()[1:]])], extracted=1)

    assert ProjectWit.objects.count() == PAIRS - (TYPES - 1)
    assert Wit.objects.count() == TYPES
