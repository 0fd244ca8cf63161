"""Erasing a connection or a tenant: nothing of it stays, and nothing else goes."""

from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Model

from etl.embedding.store import Point
from etl.erasing import asking, working
from etl.load.vectors import collection_of
from etl.models import EtlJobRun, Overall, QdrantVector, WorkItem, WorkItemPrLink
from integrations.models import Integration
from pulse.postgres.roles import owned_tables
from pulse.tenancy.audit import Actor, acting
from pulse.tenancy.models import AuditEntry, Erasure, Tenant, TenantLogo, User
from tests.etl.admin.rows import Rows, staff
from tests.etl.api.test_access import all_rows
from tests.etl.api.test_two_tenants import Twin
from tests.support.vectors import MemoryStore

OWNED = [model for model in apps.get_models() if model._meta.db_table in owned_tables() and model is not Erasure]
# A tenant has one logo.
NUMBERED = [model for model in OWNED if model is not TenantLogo]
OF_CONNECTIONS = [model for model in OWNED if any(field.name == "integration" for field in model._meta.fields)]


@pytest.fixture(autouse=True)
def _checked_at_once(acme: Twin, rival: Twin) -> None:
    """What a batch leaves is looked at as if it were committed: in a test nothing is."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.fixture(autouse=True)
def store(memory_store: MemoryStore) -> MemoryStore:
    return memory_store


@pytest.fixture
def acme(db: None) -> Twin:
    """With two connections, and a row of each in every table."""
    twin = Twin.named("Acme")
    for model in NUMBERED:
        twin.row(model, 2)
    Erasure.objects.all().delete()
    return twin


@pytest.fixture
def rival(acme: Twin) -> Twin:
    twin = Twin.named("Rival")
    Erasure.objects.all().delete()
    return twin


def erased(erasure: Erasure) -> Erasure:
    working.erase(erasure.pk)
    erasure.refresh_from_db()
    return erasure


def left_of(tenant: Tenant) -> list[str]:
    """The tables with rows of a tenant that is gone."""
    found = [(model, "pk" if model is Tenant else "tenant") for model in OWNED]
    return [model.__name__ for model, path in found if model._default_manager.filter(**{path: tenant.pk}).exists()]


def kept(rows: Rows, number: int) -> list[str]:
    """The tables that lack the row of that number."""
    made: Any = [(model, rows.row(model, number)) for model in NUMBERED]
    return [model.__name__ for model, row in made if not model._default_manager.filter(pk=row.pk).exists()]


def test_a_connection_goes_with_all_that_came_of_it_and_nothing_else_does(acme: Twin, rival: Twin) -> None:
    integration, others = acme.row(Integration), all_rows(rival)

    erasure = erased(asking.erase_integration(integration, by="ada"))

    models: list[type[Model]] = OF_CONNECTIONS
    assert [model.__name__ for model in models if model._default_manager.filter(integration=integration.pk)] == []
    assert not Integration.objects.filter(pk=integration.pk).exists()
    assert not EtlJobRun.objects.filter(pk=acme.row(EtlJobRun).pk).exists()
    assert kept(acme, 2) == []
    assert all_rows(rival) == others
    assert (erasure.state, erasure.error) == ("finished", "")
    assert erasure.rows == sum(erasure.deleted.values()) > len(OF_CONNECTIONS)


def test_a_tenant_goes_with_everything_and_another_stays_as_it_was(acme: Twin, rival: Twin) -> None:
    others = all_rows(rival)
    root = staff("root", acme.tenant, is_superuser=True)

    erasure = erased(asking.erase_tenant(acme.tenant, by="root"))

    assert left_of(acme.tenant) == []
    assert all_rows(rival) == others
    assert (erasure.state, erasure.tenant, erasure.name) == ("finished", None, "Acme")
    root.refresh_from_db()
    assert root.tenant is None
    told = AuditEntry.objects.get(action="tenant.erased")
    assert (told.actor, told.tenant, told.changes["name"]) == ("root", None, ["Acme", None])


def test_a_link_of_another_connection_to_what_is_erased_goes_too(acme: Twin) -> None:
    link = acme.row(WorkItemPrLink, 2)
    WorkItemPrLink.objects.filter(pk=link.pk).update(work_item=acme.row(WorkItem, 1))
    erased(asking.erase_integration(acme.row(Integration), by="ada"))
    assert not WorkItemPrLink.objects.filter(pk=link.pk).exists()


def test_an_item_of_another_connection_only_loses_its_parent(acme: Twin) -> None:
    child = acme.row(WorkItem, 2)
    WorkItem.objects.filter(pk=child.pk).update(parent=acme.row(WorkItem, 1))
    erased(asking.erase_integration(acme.row(Integration), by="ada"))
    child.refresh_from_db()
    assert child.parent is None


def test_vectors_go_with_their_rows_and_those_that_no_row_knows_too(acme: Twin, store: MemoryStore) -> None:
    collection = collection_of(acme.tenant.pk)
    gone, stays = acme.row(Integration), acme.row(Integration, 2)
    QdrantVector.objects.filter(tenant=acme.tenant).update(collection=collection)
    known = {str(row.point_id): row.integration_id for row in QdrantVector.objects.filter(tenant=acme.tenant)}
    unknown = {"00000000-0000-0000-0000-000000000001": gone.pk, "00000000-0000-0000-0000-000000000002": stays.pk}
    store.ensure_collection(collection, 2)
    points = {**known, **unknown}
    store.upsert(collection, [Point(pk, [1.0, 0.0], {"integration_id": of}) for pk, of in points.items()])

    erased(asking.erase_integration(gone, by="ada"))

    left = {
        pk: said["integration_id"]
        for page in store.walk(collection, fields=["integration_id"])
        for pk, said in page.items()
    }
    assert left == {pk: of for pk, of in points.items() if of == stays.pk}


@pytest.mark.parametrize("deletions", [1, 7, 20])
def test_who_is_killed_in_the_middle_is_gone_on_after(
    acme: Twin, rival: Twin, monkeypatch: pytest.MonkeyPatch, deletions: int
) -> None:
    erasure, others, done = asking.erase_tenant(acme.tenant, by="root"), all_rows(rival), 0
    delete = working._delete

    def dying(*given: Any) -> int:
        nonlocal done
        done += 1
        if done > deletions:
            raise ConnectionError("the server is gone")
        return delete(*given)

    monkeypatch.setattr(working, "BATCH_ROWS", 1)
    with monkeypatch.context() as patched:
        patched.setattr(working, "_delete", dying)
        assert working.erase_all() == 0
    erasure.refresh_from_db()
    assert (erasure.state, erasure.error) == ("running", "the server is gone")

    assert working.erase_all() == 1
    assert left_of(acme.tenant) == []
    assert all_rows(rival) == others
    erasure.refresh_from_db()
    assert (erasure.state, erasure.error) == ("finished", "")


def test_what_is_finished_is_not_begun_again(acme: Twin) -> None:
    erasure = erased(asking.erase_integration(acme.row(Integration), by="ada"))
    with pytest.raises(working.Held):
        working.erase(erasure.pk)
    assert working.erase_all() == 0


def test_asking_twice_is_asking_once(acme: Twin) -> None:
    first, second = (asking.erase_integration(acme.row(Integration), by=by) for by in ("ada", "olga"))
    assert first == second
    tenant = [asking.erase_tenant(acme.tenant, by="root") for _ in range(2)]
    assert tenant[0] == tenant[1] != first


def test_what_is_asked_for_ends_runs_and_forgets_secrets_at_once(acme: Twin) -> None:
    integration, run = acme.row(Integration), acme.row(EtlJobRun)
    EtlJobRun.objects.filter(pk=run.pk).update(status=Overall.RUNNING)
    asking.disconnect(integration)

    integration.refresh_from_db()
    run.refresh_from_db()
    assert (integration.active, integration.secrets) == (False, {})
    assert run.status == Overall.STOPPED
    assert WorkItem.objects.filter(integration=integration).exists()


def test_a_tenant_that_rests_already_is_not_noted_as_changed_again(acme: Twin) -> None:
    with acting(Actor("root")):
        for _ in range(2):
            asking.deactivate(Tenant.objects.get(pk=acme.tenant.pk))
    (entry,) = AuditEntry.objects.filter(action="tenant.changed")
    assert entry.changes == {"active": [True, False]}


def test_a_tenant_that_rests_keeps_its_data(acme: Twin) -> None:
    asking.deactivate(acme.tenant)
    acme.tenant.refresh_from_db()
    assert acme.tenant.active is False
    assert kept(acme, 1) == ["IntegrationToken"]
    assert not User.objects.filter(tenant=acme.tenant, is_superuser=False)[0].may_enter
