"""Saving what types mean, and the types that follow."""

import pytest

from custommapping.errors import Outdated, Refused
from custommapping.models import Wit, WitHierarchy, WitMapping
from etl.mapping.changing import Applied, Seen
from etl.mapping.wits import WitMeaning, save_wit_mappings
from etl.models import RunKind
from integrations.models import Integration
from integrations.records import Batch, WitRecord
from tests.integrations.providers.jira.samples import issue as an_issue
from tests.support.loading import Loading
from tests.support.making import a_run
from tests.support.mapping import is_current, transformed
from tests.support.meanings import mapped_wits, own_names, with_statuses
from tests.support.tables import versions

pytestmark = pytest.mark.django_db

BUG, BUG_TOO, STORY = WitRecord("20", "Bug"), WitRecord("21", "Bug"), WitRecord("30", "Story")


@pytest.fixture
def loading(db: None) -> Loading:
    """An integration with the types Task, Story, and Bug twice."""
    loading = with_statuses()
    loading.load(Batch(wits=[BUG, BUG_TOO, STORY]))
    return loading


def save(
    integration: Integration,
    *meanings: tuple[str, str | None] | tuple[str, str | None, int | None],
    seen: Seen | None = None,
) -> Applied:
    return save_wit_mappings(integration, [WitMeaning(*meaning) for meaning in meanings], by="ann", seen=seen)


def a_level(integration: Integration, name: str = "Epic", level: int = 1) -> WitHierarchy:
    return WitHierarchy.objects.create(tenant=integration.tenant, name=name, level=level)


def test_all_types_of_a_name_follow_its_mapping(loading: Loading) -> None:
    level = a_level(loading.integration)

    assert save(loading.integration, ("Bug", "Defect", level.pk)) == Applied(1, 2)

    assert own_names(loading.integration) == {"10": None, "20": "Defect", "21": "Defect", "30": None}
    assert mapped_wits(loading.integration) == {"Bug": ("Defect", level.pk)}


def test_types_that_come_later_or_are_renamed_follow_the_mapping_of_their_name(loading: Loading) -> None:
    save(loading.integration, ("Bug", "Defect"), ("Story", "Feature"))

    loading.load(
        Batch(wits=[WitRecord("22", "Bug"), WitRecord("20", "Story"), WitRecord("21", "Mistake")]), extracted=1
    )

    names = {"10": None, "20": "Feature", "21": None, "22": "Defect", "30": "Feature"}
    assert own_names(loading.integration) == names


def test_a_load_that_brings_no_news_writes_no_type(loading: Loading) -> None:
    save(loading.integration, ("Bug", "Defect"))
    before = versions(loading.integration.pk)["wits"]

    loading.load(Batch(wits=[BUG, BUG_TOO, STORY]), extracted=1)

    assert versions(loading.integration.pk)["wits"] == before


def test_without_its_mapping_a_name_has_none_and_others_keep_theirs(loading: Loading) -> None:
    save(loading.integration, ("Bug", "Defect"), ("Story", "Feature"))

    assert save(loading.integration, ("Bug", None)) == Applied(1, 2)

    assert own_names(loading.integration) == {"10": None, "20": None, "21": None, "30": "Feature"}
    assert list(WitMapping.objects.values_list("wit_from", flat=True)) == ["Story"]


def test_types_of_another_integration_have_their_own_mappings(loading: Loading) -> None:
    other = with_statuses(name="Other")
    other.load(Batch(wits=[BUG]))
    save(other.integration, ("Bug", "Error"))

    save(loading.integration, ("Bug", "Defect"))

    assert own_names(other.integration) == {"10": None, "20": "Error"}


def test_an_inactive_mapping_is_none_and_comes_back_when_it_is_saved(loading: Loading) -> None:
    save(loading.integration, ("Bug", "Defect"))
    WitMapping.objects.update(active=False)
    loading.load(Batch(wits=[WitRecord("22", "Bug")]), extracted=1)
    assert own_names(loading.integration)["22"] is None

    save(loading.integration, ("Bug", "Defect"))

    assert own_names(loading.integration)["22"] == "Defect"


def test_what_stands_already_is_not_written(loading: Loading) -> None:
    save(loading.integration, ("Bug", "Defect"))
    before = (WitMapping.objects.values().get(), versions(loading.integration.pk))

    assert save(loading.integration, ("Bug", "Defect"), ("Story", None)) == Applied(0, 0)

    assert (WitMapping.objects.values().get(), versions(loading.integration.pk)) == before


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_saved(loading: Loading) -> None:
    foreign = a_level(with_statuses("Globex").integration)

    with pytest.raises(Refused) as raised:
        save(
            loading.integration,
            ("Bug", "Defect"), ("Bugg", "Defect"), ("Story", "Feature", foreign.pk), ("Task", " T"), ("Bug", "Error"),
        )  # fmt: skip

    assert raised.value.errors == {
        "mappings.1.wit_from": "integration Jira has no type 'Bugg'",
        "mappings.2.hierarchy_id": f"there is no level {foreign.pk}",
        "mappings.3.wit_to": "' T' must be text in one line of 1 to 255 characters, without spaces around it",
        "mappings.4.wit_from": "'Bug' stands there twice",
    }
    assert not WitMapping.objects.exists()


def test_a_level_without_a_name_is_refused(loading: Loading) -> None:
    with pytest.raises(Refused, match=r"mappings\.0\.wit_to: must be given where there is a level"):
        save(loading.integration, ("Bug", "", a_level(loading.integration).pk))


def test_a_mapping_of_a_name_that_no_type_has_any_more_can_be_changed_and_removed(loading: Loading) -> None:
    save(loading.integration, ("Story", "Feature"))
    Wit.objects.filter(name="Story").update(name="Tale")

    save(loading.integration, ("Story", "Wish"))
    assert mapped_wits(loading.integration) == {"Story": ("Wish", None)}
    save(loading.integration, ("Story", None))

    assert mapped_wits(loading.integration) == {}


def test_who_saw_another_mapping_than_stands_is_told(loading: Loading) -> None:
    save(loading.integration, ("Bug", "Defect"))

    with pytest.raises(Outdated, match=r"mappings\.1: somebody else changed 'Bug' meanwhile"):
        save(loading.integration, ("Story", "Feature"), ("Bug", "Error"), seen={"Bug": None})

    assert mapped_wits(loading.integration) == {"Bug": ("Defect", None)}


def test_answers_that_were_current_remain_so() -> None:
    run = a_run(kind=RunKind.IMPORT)
    row = transformed(run, an_issue(1))

    save(run.integration, (Wit.objects.get().name, "Ticket"))

    assert is_current(row)
