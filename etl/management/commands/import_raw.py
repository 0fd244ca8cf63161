"""manage.py import_raw --integration 1 --step jira_issues_with_changelogs FILE…: loads recorded API answers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from etl.history.watching import figures, row_counts, wait_for_end
from etl.jobs.importing import Recorded, import_answers
from etl.models import EtlJobRun, Overall
from etl.workers.runtime import EmbeddedRuntime
from integrations.commands import integration_of
from integrations.errors import Permanent
from pulse.commands import ScriptCommand


def _read(name: str) -> Recorded:
    try:
        return Recorded(name, Path(name).read_bytes())
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}") from error


class Command(ScriptCommand):
    help = "Stores recorded API answers as raw rows and takes them through transform, load and embedding."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--integration", type=int, required=True, help="id")
        parser.add_argument("--step", required=True, help="whose answers they are: jira_issues_with_changelogs, …")
        parser.add_argument("files", nargs="+", metavar="FILE")

    def run(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        integration = integration_of(options["integration"])
        try:
            run = import_answers(integration, options["step"], [_read(name) for name in options["files"]])
        except Permanent as error:
            raise CommandError(str(error)) from error
        run = self._work(run)
        answer = {**figures(run), "rows": row_counts(integration.tenant_id)}
        return {**answer, "exit": 0 if run.status == Overall.FINISHED else 1}

    def _work(self, run: EtlJobRun) -> EtlJobRun:
        if settings.RABBITMQ_URL:
            return wait_for_end(run.pk)
        with EmbeddedRuntime(schedule=False):
            return wait_for_end(run.pk)
