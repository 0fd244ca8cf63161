"""What is noted of a change: who, from where, what was before and what is now; and never a secret."""

from datetime import UTC, datetime
from threading import Thread

import pytest
from django.db import IntegrityError, transaction

from etl.jobs import lifecycle
from etl.models import WorkerRow
from integrations.models import Integration
from integrations.saving import save_integration
from pulse.postgres.scope import tenant_scope
from pulse.tenancy import audit
from pulse.tenancy.audit import Actor, acting, differences, note
from pulse.tenancy.models import AuditEntry, User
from tests.support.making import an_integration, job_of

ADA = Actor("ada", address="192.0.2.7")


@pytest.fixture
def integration(db: None) -> Integration:
    return an_integration()


def test_an_entry_says_who_did_what_to_which_row_of_whom_from_where(integration: Integration) -> None:
    user = User.objects.create(username="ada", tenant=integration.tenant)
    with acting(Actor("ada", user.pk, None, "192.0.2.7")):
        note("integration.changed", integration, {"name": ["Jira", "Jira Cloud"]})

    entry = AuditEntry.objects.get()
    assert (entry.tenant_id, entry.user, entry.api_key, entry.actor) == (integration.tenant_id, user, None, "ada")
    assert (entry.action, entry.target_table, entry.target_id) == (
        "integration.changed",
        "integrations",
        str(integration.pk),
    )
    assert (entry.changes, entry.address) == ({"name": ["Jira", "Jira Cloud"]}, "192.0.2.7")


def test_what_is_rolled_back_was_not_done(integration: Integration) -> None:
    def fail() -> None:
        with transaction.atomic():
            note("integration.changed", integration)
            Integration.objects.create(tenant=integration.tenant, name=integration.name, provider="jira")

    with acting(ADA), pytest.raises(IntegrityError):
        fail()

    assert not AuditEntry.objects.exists()


def test_what_the_installation_does_by_itself_is_not_noted(integration: Integration) -> None:
    lifecycle.start(job_of(integration).pk, trigger="schedule")

    assert not AuditEntry.objects.exists()


def test_in_a_thread_that_somebody_started_nobody_acts() -> None:
    found: list[Actor | None] = []
    with acting(ADA):
        thread = Thread(target=lambda: found.append(audit._actor.get()))
        thread.start()
        thread.join()

    assert found == [None]


def test_what_is_no_tenants_is_noted_by_who_works_for_a_tenant(integration: Integration) -> None:
    worker = WorkerRow.objects.create(host="here", pid=1, tier="all")
    with acting(ADA), tenant_scope(integration.tenant_id):
        note("worker.restart_asked", worker)
        assert not AuditEntry.objects.exists()

    assert AuditEntry.objects.get().tenant is None


def test_only_what_differs_is_told_by_field_and_path() -> None:
    before = {"name": "A", "active": True, "settings": {"projects": "PAY", "jql": ""}, "causes": ["x"]}
    after = {"name": "B", "active": True, "settings": {"projects": "PAY,WEB", "jql": ""}, "causes": []}

    assert differences(before, after) == {
        "name": ["A", "B"],
        "settings.projects": ["PAY", "PAY,WEB"],
        "causes": [["x"], []],
    }
    assert differences({}, {"at": datetime(2026, 1, 1, tzinfo=UTC)}) == {"at": [None, "2026-01-01T00:00:00Z"]}
    assert differences({"settings": {"cron": "0 3 * * *"}}, {}) == {"settings.cron": ["0 3 * * *", None]}


def test_of_secrets_only_that_they_were_set_changed_or_taken_away() -> None:
    before = {"secrets": {"api_token": "s3cret", "email": "a@example.com", "old": "s3cret"}, "password": "s3cret"}
    after = {"secrets": {"api_token": "s3cret2", "email": "a@example.com", "key": "s3cret"}, "password": "s3cret3"}

    assert differences(before, after) == {
        "secrets.api_token": ["set", "changed"],
        "secrets.old": ["set", None],
        "secrets.key": [None, "set"],
        "password": ["set", "changed"],
    }
    assert differences({}, {"settings": {"base_url": "https://u:s3cret@site.test"}}) == {
        "settings.base_url": [None, "https://…@site.test"]
    }


def test_long_texts_are_cut() -> None:
    ((_, told),) = differences({}, {"body": "x" * 5000}).values()

    assert len(told) < 1100
    assert told.endswith("…")


def test_an_integrations_secrets_are_noted_without_their_values(integration: Integration) -> None:
    integration.name, integration.secrets = "Ours", {**integration.secrets, "api_token": "s3cret"}
    with acting(ADA):
        save_integration(integration)

    entry = AuditEntry.objects.get()
    assert entry.action == "integration.changed"
    assert entry.changes == {"name": ["Jira", "Ours"], "secrets.api_token": ["set", "changed"]}


def test_a_password_is_noted_whichever_form_changes_it(integration: Integration) -> None:
    user = User.objects.create_user("vera", password="right horse", tenant=integration.tenant)
    with acting(ADA):
        user.set_password("wrong horse")
        user.save()
        user.first_name = "Vera"
        user.save()

    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target_id, entry.changes) == (
        "user.changed",
        str(user.pk),
        {"password": ["set", "changed"]},
    )
