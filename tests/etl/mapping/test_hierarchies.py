"""The levels that types stand on."""

from typing import Any

import pytest
from django.utils import timezone

from custommapping.errors import Outdated, Refused
from custommapping.models import WitHierarchy, WitMapping
from etl.mapping.hierarchies import delete_hierarchy, save_hierarchy
from etl.mapping.wits import WitMeaning, save_wit_mappings
from etl.models import RunKind
from pulse.tenancy.models import Tenant
from tests.integrations.providers.jira.samples import issue as an_issue
from tests.support.making import a_run, an_integration
from tests.support.mapping import is_current, transformed
from tests.support.meanings import mapped_wits
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.objects.create(name="Acme")


def save(tenant: Tenant, name: Any, level: Any, **more: Any) -> WitHierarchy:
    return save_hierarchy(tenant, name, level, by="ann", **more)


def levels(tenant: Tenant) -> dict[str, int]:
    return dict(WitHierarchy.objects.filter(tenant=tenant).values_list("name", "level"))


def test_levels_are_made_and_changed(tenant: Tenant) -> None:
    epic = save(tenant, "Epic", 1)
    save(tenant, "Subtask", -1)

    save(tenant, "Initiative", 2, known=epic, seen=epic.last_updated_at)

    assert levels(tenant) == {"Initiative": 2, "Subtask": -1}


def test_what_stands_already_is_not_written(tenant: Tenant) -> None:
    epic = save(tenant, "Epic", 1)

    assert save(tenant, "Epic", 1, known=epic).last_updated_at == epic.last_updated_at


@pytest.mark.parametrize(
    ("name", "level", "errors"),
    [
        ("epic", 7, {"name": "level 1 is called 'Epic' already"}),
        ("Story", 1, {"level": "1 is the level of 'Epic' already"}),
        ("EPIC", 1, {"name": "level 1 is called 'Epic' already", "level": "1 is the level of 'Epic' already"}),
        ("", 1001, {"name": "'' must be text", "level": "1001 must be a number from -1000 to 1000"}),
        ("a\nb", True, {"name": "'a\\nb' must be text in one line", "level": "True must be a number"}),
        ("x" * 101, "2", {"name": "must be text in one line of 1 to 100", "level": "'2' must be a number"}),
        ("\ud800", 2, {"name": "must be text"}),
    ],
)
def test_what_is_wrong_is_told_at_once(tenant: Tenant, name: Any, level: Any, errors: dict[str, str]) -> None:
    save(tenant, "Epic", 1)
    save(Tenant.objects.create(name="Globex"), "Story", 7)

    with pytest.raises(Refused) as raised:
        save(tenant, name, level)

    assert raised.value.errors.keys() == errors.keys()
    assert all(words in raised.value.errors[field] for field, words in errors.items())
    assert levels(tenant) == {"Epic": 1}


def test_names_may_be_of_any_language(tenant: Tenant) -> None:
    names = ["Épopée", "叙事", "می‌خواهم", "👩‍💻"]

    for level, name in enumerate(names):
        save(tenant, name, level)

    assert sorted(levels(tenant)) == sorted(names)


def test_who_saw_an_older_one_or_one_that_is_gone_is_told(tenant: Tenant) -> None:
    epic = save(tenant, "Epic", 1)

    with pytest.raises(Outdated, match="last_updated_at: somebody else changed Epic meanwhile"):
        save(tenant, "Saga", 1, known=epic, seen=timezone.now())
    with pytest.raises(Outdated, match="last_updated_at"):
        delete_hierarchy(epic, by="ann", seen=timezone.now())
    WitHierarchy.objects.all().delete()
    with pytest.raises(Outdated, match="id: somebody else deleted Epic meanwhile"):
        save(tenant, "Saga", 1, known=epic)


def test_a_level_of_another_tenant_is_as_good_as_gone(tenant: Tenant) -> None:
    theirs = save(Tenant.objects.create(name="Globex"), "Epic", 1)

    with pytest.raises(Outdated, match="id: somebody else deleted"):
        save(tenant, "Ours", 1, known=theirs)

    assert WitHierarchy.objects.get().name == "Epic"


def test_a_level_on_which_nothing_stands_is_deleted(tenant: Tenant) -> None:
    delete_hierarchy(save(tenant, "Epic", 1), by="ann")

    assert levels(tenant) == {}


def test_a_level_on_which_types_stand_is_deleted_only_by_force_and_all_answers_remain_current() -> None:
    runs = [a_run(an_integration(name), RunKind.IMPORT) for name in ("Jira", "Other")]
    rows = [transformed(run, an_issue(1)) for run in runs]
    epic = save(runs[0].tenant, "Epic", 1)
    for run, row in zip(runs, rows, strict=True):
        name = row.raw_data["issues"][0]["fields"]["issuetype"]["name"]
        save_wit_mappings(run.integration, [WitMeaning(name, "Ticket", epic.pk)], by="ann")

    with pytest.raises(Refused, match="force: types stand on 'Epic': "):
        delete_hierarchy(epic, by="ann")
    assert levels(epic.tenant) == {"Epic": 1}
    delete_hierarchy(epic, by="ann", force=True)

    assert [list(mapped_wits(run.integration).values()) for run in runs] == [[("Ticket", None)]] * 2
    assert (levels(epic.tenant), list(map(is_current, rows))) == ({}, [True, True])


def test_an_inactive_mapping_does_not_hold_a_level(tenant: Tenant) -> None:
    epic = save(tenant, "Epic", 1)
    integration = an_integration()
    WitMapping.objects.create(
        tenant=tenant, integration=integration, wit_from="Bug", wit_to="Defect", hierarchy=epic, active=False
    )

    delete_hierarchy(epic, by="ann")

    assert WitMapping.objects.get().hierarchy is None


@pytest.mark.django_db(transaction=True)
def test_of_several_who_make_the_same_level_at_once_one_wins_and_the_others_are_told(tenant: Tenant) -> None:
    def try_to_save() -> bool:
        try:
            save(tenant, "Epic", 1)
        except Refused:
            return False
        return True

    assert sorted(at_once(*[try_to_save] * 3)) == [False, False, True]
