"""A connection that somebody is about to make: what they typed so far, encrypted in their session."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from cryptography.fernet import InvalidToken
from django.http import HttpRequest

from integrations.encryption import cipher
from integrations.models import Integration
from integrations.provider import ConnectionReport

_KEY = "connection_draft"


@dataclass(frozen=True)
class Draft:
    """What was typed, and what the site said of it: ``projects`` are the keys of what the account sees there."""

    tenant_id: int
    provider: str
    name: str
    active: bool
    settings: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)
    site: str
    account: str
    deployment: str
    projects: Sequence[str]
    problems: Sequence[str]

    @classmethod
    def of(cls, integration: Integration, report: ConnectionReport) -> "Draft":
        return cls(
            integration.tenant_id,
            integration.provider,
            integration.name,
            integration.active,
            integration.settings,
            integration.secrets,
            report.site,
            report.account,
            report.deployment,
            [project.key for project in report.projects],
            list(report.problems),
        )

    def integration(self, **settings: str) -> Integration:
        """What it is to become, not saved; with these settings in place of what was typed."""
        said = {name: text for name, text in {**self.settings, **settings}.items() if text}
        return Integration(
            tenant_id=self.tenant_id,
            provider=self.provider,
            name=self.name,
            active=self.active,
            settings=said,
            secrets=dict(self.secrets),
        )


def keep(request: HttpRequest, draft: Draft) -> None:
    """One for each session: the newest."""
    request.session[_KEY] = cipher().encrypt(json.dumps(asdict(draft)).encode()).decode()


def kept(request: HttpRequest) -> Draft | None:
    """None where there is none, or none that can be read any more."""
    text = request.session.get(_KEY)
    if text is None:
        return None
    try:
        return Draft(**json.loads(cipher().decrypt(text.encode())))
    except (InvalidToken, TypeError):
        # Written with a key, or by a version, that is no more.
        forget(request)
        return None


def forget(request: HttpRequest) -> None:
    request.session.pop(_KEY, None)
