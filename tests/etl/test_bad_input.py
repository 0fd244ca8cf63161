"""Bad input, end to end: what an operator is told, and that nothing valid is lost."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from etl.embedding import backends
from etl.jobs import lifecycle
from etl.models import EtlJobRun, Overall, QuarantinedRecord, RawExtractionData, WorkItem
from etl.queue.topology import Stage
from integrations.sandbox import Damage, Faults, SandboxServer, Site
from integrations.sandbox.jira.site import empty_site
from tests.support.driving import forget_delays, work_off
from tests.support.sites import Connected, connect, small_site

pytestmark = pytest.mark.django_db

PROJECTS, STATUSES, ISSUES = (
    "jira_projects_and_issue_types", "jira_statuses_and_relationships", "jira_issues_with_changelogs",
)  # fmt: skip
SEARCH = "/rest/api/3/search/jql"
# Two pages of each project's issues.
SITE_ISSUES = 20


class NoEncoder:
    """Costs nothing: these tests end runs, and search for nothing."""

    model = "none"
    dimensions = 3

    def encode(self, texts: list[str]) -> list[list[float]]:
        return [[1.0, 0.0, 0.0] for _ in texts]


@pytest.fixture(autouse=True)
def encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = NoEncoder()
    monkeypatch.setattr(backends, "_encoder", lambda: encoder)


@contextmanager
def bad_site(faults: Faults) -> Iterator[Connected]:
    with small_site(SITE_ISSUES, faults=faults) as server:
        yield connect(server, name="Acme Jira", batch_size="4")
