from collections.abc import Mapping
from typing import Any

from custommapping.models import Project, Status, StatusMapping, Wit, WitHierarchy, WitMapping, Workflow
from tests.etl.admin.rows import Rows
from tests.etl.api.endpoints import Case


def _status(rows: Rows) -> Mapping[str, Any]:
    status, mapping = rows.row(Status), rows.row(StatusMapping)
    Status.objects.filter(pk=status.pk).update(external_id="3")
    return {"integration_id": status.integration_id, "id": mapping.pk}


def _wit(rows: Rows) -> Mapping[str, Any]:
    wit, mapping = rows.row(Wit), rows.row(WitMapping)
    Wit.objects.filter(pk=wit.pk).update(name="Bug")
    return {"integration_id": wit.integration_id, "id": mapping.pk, "level": rows.row(WitHierarchy).pk}


def _unused_level(rows: Rows) -> Mapping[str, Any]:
    return {"id": rows.row(WitHierarchy, 7).pk}


def _workflow(rows: Rows) -> Mapping[str, Any]:
    flow, project = rows.row(Workflow), rows.row(Project)
    return {"id": flow.pk, "project_id": project.pk, "integration_id": project.integration_id}


WHOSE = {"integration_id": "{integration_id}"}
DEFECT = {"wit_from": "Bug", "wit_to": "Defect", "hierarchy_id": "{level}"}
STEPS = {"name": "Ours", "steps": ["Plan", "Build"]}

CASES = [
    Case("GET", "statuses", _status, stranger=200),
    Case("GET", "statuses", _status, query=WHOSE),
    Case("GET", "statuses/mappings", _status, stranger=200),
    Case("GET", "statuses/mappings", _status, query=WHOSE),
    Case(
        "PATCH",
        "statuses/mappings",
        _status,
        body={**WHOSE, "mappings": [{"status_external_id": "3", "category": "Done"}]},
    ),
    Case("DELETE", "statuses/mappings/{id}", _status),
    Case("GET", "wits", _wit, stranger=200),
    Case("GET", "wits", _wit, query=WHOSE),
    Case("GET", "wits/mappings", _wit, stranger=200),
    Case("GET", "wits/mappings", _wit, query=WHOSE),
    Case("PATCH", "wits/mappings", _wit, body={**WHOSE, "mappings": [DEFECT]}),
    Case("DELETE", "wits/mappings/{id}", _wit),
    Case("GET", "wits/hierarchies", _wit, stranger=200),
    Case("POST", "wits/hierarchies", _wit, body={"name": "Epic", "level": 5}, status=201, stranger=201),
    Case("PUT", "wits/hierarchies/{level}", _wit, body={"name": "Epic", "level": 5}),
    Case("DELETE", "wits/hierarchies/{id}", _unused_level),
    Case("GET", "workflows", _workflow, stranger=200),
    Case("GET", "workflows", _workflow, query=WHOSE),
    Case("GET", "workflows", _workflow, query={"project_id": "{project_id}"}),
    Case("POST", "workflows", _workflow, body=STEPS, status=201, stranger=201),
    Case("POST", "workflows", _workflow, body={**STEPS, "project_id": "{project_id}"}, status=201),
    Case("GET", "workflows/{id}", _workflow),
    Case("PUT", "workflows/{id}", _workflow, body={**STEPS, "project_id": "{project_id}"}),
    Case("DELETE", "workflows/{id}", _workflow),
]
