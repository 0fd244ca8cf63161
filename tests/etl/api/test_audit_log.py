"""Whatever the API changes is noted in the audit log, and administrators read it there."""

import csv
import io

import pytest

from etl.jobs.advance import status_json
from etl.models import EtlJob, Overall
from pulse.tenancy.keys import create_key
from pulse.tenancy.models import ApiKey, AuditEntry, Role, User
from tests.etl.admin.rows import Rows
from tests.etl.api.callers import Caller, member
from tests.etl.api.endpoints import READING, Case, all_cases

pytestmark = pytest.mark.usefixtures("recording")

# What changes nothing that people have said: it only looks, or brings data as a site does, of which runs have logs.
UNNOTED = {
    "POST custom-fields/profile",
    "POST custom-fields/mapping/preview",
    "POST alert-channels/{id}/test",
    "POST integrations/{id}/check",
    "POST raw-data/store",
    "PUT raw-data/{id}/status",
    "POST raw-data/{id}/reprocess",
    "POST transform",
    "POST load",
    "POST pipeline",
    # Nothing is stale in its case: nothing is begun.
    "POST custom-fields/mapping/retransform",
}
CHANGING = [case for case in all_cases() if case.method not in READING and str(case) not in UNNOTED]


def job_of(rows: Rows) -> EtlJob:
    """A job that was never started, with settings that are some."""
    pk = rows.row(EtlJob).pk
    EtlJob.objects.filter(pk=pk).update(settings={}, status=status_json(Overall.NOT_STARTED, []))
    return EtlJob.objects.get(pk=pk)


@pytest.mark.parametrize("case", CHANGING, ids=[str(case) for case in CHANGING])
def test_every_change_is_noted_with_who_and_from_where(
    case: Case, owner: Caller, administrator: Caller, superuser: Caller, acme: Rows
) -> None:
    caller = superuser if case.for_superusers else administrator if case.administrator else owner
    assert caller.user
    asked = case.request(acme)
    before = {entry.pk for entry in AuditEntry.objects.all()}

    assert caller.ask(asked).status_code == case.status

    found = [entry for entry in AuditEntry.objects.all() if entry.pk not in before]
    assert found
    noted = {(entry.actor, entry.user, entry.address, entry.tenant_id) for entry in found}
    tenant_id = None if case.for_superusers else acme.tenant.pk
    assert noted == {(caller.user.username, caller.user, "127.0.0.1", tenant_id)}
    assert "token of" not in str([entry.changes for entry in found])


def test_what_is_refused_is_not_noted(owner: Caller, acme: Rows) -> None:
    job = job_of(acme)

    assert owner.post(f"jobs/{job.pk}/pause").status_code == 409

    assert not AuditEntry.objects.filter(action="job.paused").exists()


def test_who_comes_with_a_key_is_noted_by_it(administrator: Caller, acme: Rows) -> None:
    assert isinstance(administrator.user, User)
    job, key = job_of(acme), ApiKey(tenant=acme.tenant, role=Role.OPERATOR)
    text = create_key(key, {"name": "ci"}, by=administrator.user)

    answer = Caller(authorization=f"Api-Key {text}").send("PATCH", f"jobs/{job.pk}", body={"order": 7})

    assert answer.status_code == 200, answer.content
    entry = AuditEntry.objects.get(action="job.changed")
    assert (entry.user, entry.api_key, entry.changes["order"][1]) == (None, key, 7)
    assert entry.actor == f"key ci ({key.prefix}…)"
    assert text not in str(administrator.get("audit-log").content)


def test_administrators_find_entries_newest_first(administrator: Caller, acme: Rows, rival: Rows) -> None:
    olga, job = Caller(member("olga", acme.tenant)), job_of(acme)
    rival.row(AuditEntry)
    for order in (7, 8, 9):
        assert olga.send("PATCH", f"jobs/{job.pk}", body={"order": order}).status_code == 200

    def orders(**query: object) -> list[int]:
        found = administrator.get("audit-log", actor="olga", **query).json()["results"]
        return [entry["changes"]["order"][1] for entry in found]

    assert orders() == [9, 8, 7]
    assert orders(action="job.changed", target_table="etl_jobs", target_id=job.pk, limit=2) == [9, 8]
    assert orders(action="job.paused") == []
    assert orders(at_to="2020-01-01") == []
    assert len(orders(at_from="2020-01-01")) == 3
    first = administrator.get("audit-log", actor="olga", limit=2).json()
    assert orders(limit=2, cursor=first["next"]) == [7]
    assert "Rival" not in administrator.get("audit-log").content.decode()


def test_the_log_is_exported_with_the_same_filters(administrator: Caller, acme: Rows) -> None:
    olga = Caller(member("=olga", acme.tenant))
    assert olga.send("PATCH", f"jobs/{job_of(acme).pk}", body={"order": 7}).status_code == 200

    answer = administrator.get("audit-log/export", action="job.changed", fields="actor,action,changes")

    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [row["actor"] for row in rows] == ["'=olga"]
    assert '"order":' in rows[0]["changes"]
    lines = administrator.get("audit-log/export", action="job.changed", format="jsonl").content.decode().splitlines()
    assert len(lines) == 1
