"""import_raw: recorded answers become raw rows and go on to the end."""

import json
import secrets
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from custommapping.models import Status
from etl.models import Changelog, EtlJobRun, QdrantVector, RawExtractionData, WorkItem
from integrations.models import Integration
from pulse.tenancy.models import Tenant
from tests.integrations.providers.jira.samples import history, issue, item, page
from tests.support.installations import Installation

ISSUES_STEP, STATUSES_STEP, FIELDS_STEP = (
    "jira_issues_with_changelogs",
    "jira_statuses_and_relationships",
    "jira_custom_fields",
)
DONE_ON = "2025-03-05T09:00:00.000+0000"
STATUSES = [
    {"id": "10100", "name": "Offen", "statusCategory": {"id": 2, "key": "new", "name": "To Do"}},
    {"id": "10101", "name": "Wird geprüft", "statusCategory": {"id": 4, "key": "indeterminate", "name": "In Arbeit"}},
    {"id": "10102", "name": "Fertig", "statusCategory": {"id": 3, "key": "done", "name": "Fertig"}},
]
FIELDS = [{"id": "customfield_10031", "key": "customfield_10031", "name": "Punkte", "custom": True,
           "schema": {"type": "number", "custom": "com.pyxis.greenhopper:float", "customId": 10031}}]  # fmt: skip


@pytest.fixture
def integration(pulse: Installation) -> Integration:
    made = Integration(
        tenant=Tenant.objects.create(name=f"Tenant {secrets.token_hex(4)}"),
        provider="jira",
        name="Recorded",
        settings={"base_url": "http://127.0.0.1:9"},
        secrets={"email": "me@example.com", "api_token": "none"},
    )
    made.save()
    return made


def issues() -> dict[str, Any]:
    """A page with one issue that was worked on for two days, one that never was, and a bad one between them."""
    worked_on = issue(
        1,
        [
            history("901", "2025-03-03T09:00:00.000+0000", item("10100", "10101")),
            history("902", DONE_ON, item("10101", "10102")),
        ],
        status=STATUSES[2],
        created="2025-03-01T09:00:00.000+0000",
    )
    return dict(page(worked_on, issue(2, created="not a date"), issue(3, status=STATUSES[0])).content)


def write(folder: Path, name: str, content: Any) -> str:
    path = folder / name
    path.write_text(json.dumps(content))
    return str(path)


def refusal(integration: Integration, step: str, *files: str) -> str:
    """Tries to import what cannot be: what is said; nothing is stored."""
    with pytest.raises(CommandError) as error:
        call_command("import_raw", "--integration", str(integration.pk), "--step", step, *files)
    assert not EtlJobRun.objects.filter(integration=integration).exists()
    assert not RawExtractionData.objects.filter(integration=integration).exists()
    return str(error.value)


def test_recorded_answers_become_rows_with_metrics_and_vectors(
    pulse: Installation, integration: Integration, tmp_path: Path
) -> None:
    about = ("import_raw", "--integration", integration.pk, "--json", "--step")
    assert pulse.run(*about, STATUSES_STEP, write(tmp_path, "status.json", STATUSES)).code == 0
    assert pulse.run(*about, FIELDS_STEP, write(tmp_path, "field.json", FIELDS)).code == 0

    ended = pulse.run(*about, ISSUES_STEP, write(tmp_path, "search.json", issues()))

    assert ended.code == 0, ended.errors
    assert (ended.answer["status"], ended.answer["quarantined"]) == ("FINISHED", 1)
    assert "1 records are in quarantine" in ended.answer["warning"]
    rows = ended.answer["rows"]
    assert (rows["work_items"], rows["changelogs"], rows["raw_extraction_data"]) == (2, 2, 3)
    assert (rows["statuses"], rows["custom_fields"]) == (3, 1)
    assert set(QdrantVector.objects.filter(integration=integration).values_list("status", flat=True)) == {"completed"}
    worked_on = WorkItem.objects.get(integration=integration, key="ORB-1")
    assert worked_on.total_work_starts == 1
    assert worked_on.total_work_time_seconds == 2 * 86400
    assert worked_on.total_lead_time_seconds == 4 * 86400
    seconds = Changelog.objects.filter(work_item=worked_on).order_by("external_id")
    assert [change.time_in_status_seconds for change in seconds] == [2 * 86400, 2 * 86400]
    assert Status.objects.get(integration=integration, external_id="10102").name == "Fertig"


def test_an_unknown_step_is_named_with_those_that_are_known(integration: Integration, tmp_path: Path) -> None:
    said = refusal(integration, "jira_issues", write(tmp_path, "search.json", issues()))

    assert "step 'jira_issues' is unknown to jira; known are: jira_projects_and_issue_types, " in said


def test_an_answer_of_another_step_is_refused_with_all_beside_it(integration: Integration, tmp_path: Path) -> None:
    good, other = write(tmp_path, "search.json", issues()), write(tmp_path, "field.json", FIELDS)

    said = refusal(integration, ISSUES_STEP, good, other)

    assert other in said
    assert "jira_issues_with_changelogs takes" in said


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b'{"issues": [', b"", b"\xff\xfe", b'{"issues": "\0"}'])
def test_what_is_not_json_is_refused_with_its_name(integration: Integration, tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "page.json"
    path.write_bytes(body)

    said = refusal(integration, ISSUES_STEP, str(path))

    assert said.startswith(f"{path}: ")
    assert "not JSON" in said or "not UTF-8" in said


def test_a_file_that_is_not_there_is_named(integration: Integration, tmp_path: Path) -> None:
    assert refusal(integration, ISSUES_STEP, str(tmp_path / "gone.json")).endswith(
        "gone.json: No such file or directory"
    )


@pytest.mark.usefixtures("pulse")
def test_an_integration_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "search.json", issues())
    with pytest.raises(CommandError, match="--integration 987654: there is no such integration"):
        call_command("import_raw", "--integration", "987654", "--step", ISSUES_STEP, path)
