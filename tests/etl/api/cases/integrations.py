from collections.abc import Mapping
from typing import Any

from integrations.models import Integration, IntegrationLogo
from tests.etl.admin.rows import Rows
from tests.etl.api.endpoints import Case
from tests.support.making import NOWHERE
from tests.support.pictures import picture


def _integration(rows: Rows) -> Mapping[str, Any]:
    integration = rows.row(Integration)
    integration.settings, integration.secrets = {"base_url": NOWHERE}, {"email": "a@b.test", "api_token": "secret"}
    integration.save()
    return {"id": integration.pk}


def _logo(rows: Rows) -> Mapping[str, Any]:
    values = _integration(rows)
    logo = rows.row(IntegrationLogo)
    logo.content_type, logo.content = "image/png", picture()
    logo.save()
    return values


SITE = {"settings": {"base_url": NOWHERE}, "secrets": {"email": "a@b.test", "api_token": "secret"}}

CASES = [
    Case("GET", "integrations", _integration, stranger=200),
    Case("GET", "integrations/providers", stranger=200),
    Case(
        "POST",
        "integrations",
        body={"provider": "jira", "name": "Ours", **SITE},
        status=201,
        stranger=201,
        administrator=True,
    ),
    Case("GET", "integrations/{id}", _integration),
    Case("PATCH", "integrations/{id}", _integration, body={"name": "Theirs"}, administrator=True),
    Case("DELETE", "integrations/{id}", _integration, administrator=True),
    Case("POST", "integrations/{id}/check", _integration, administrator=True),
    Case("GET", "integrations/{id}/logo", _logo, answers="image/png"),
    Case("PUT", "integrations/{id}/logo", _integration, sent=(picture(), "image/png"), administrator=True),
    Case("DELETE", "integrations/{id}/logo", _logo, administrator=True),
]
