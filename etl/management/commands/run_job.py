"""manage.py run_job --integration 1 --wait: runs an integration's sync, repair or discovery of custom fields, now."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from etl.jobs import discovery, lifecycle
from etl.jobs.watching import EventTail, figures, wait_for_end
from etl.models import EtlJob, EtlJobRun, Overall, RunKind
from etl.models.jobs import JOB_KINDS
from etl.workers.runtime import EmbeddedRuntime
from integrations.models import Integration
from pulse.commands import ScriptCommand


class Command(ScriptCommand):
    help = (
        "Runs an integration's sync, its repair, or a discovery of its custom fields. In the embedded profile --wait"
        " does the work in this process, where no other process does it already. Ends with 0 where the run FINISHED,"
        " 1 else."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--integration", type=int, required=True, help="id")
        parser.add_argument("--full", action="store_true", help="read everything again, not only what has changed")
        other = parser.add_mutually_exclusive_group()
        other.add_argument("--repair", action="store_true", help="look for what drifted or was deleted instead")
        other.add_argument("--discover", action="store_true", help="discover custom fields instead")
        parser.add_argument(
            "--projects", default="", help="read only these, by key, owner/name or id, separated by commas"
        )
        parser.add_argument("--wait", action="store_true", help="until the run is over")

    def run(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        run = self._start(options)
        if not options["wait"]:
            return figures(run)
        tail = EventTail(run.pk, self.stderr.write)
        if settings.RABBITMQ_URL:
            run = wait_for_end(run.pk, tail)
        else:
            with EmbeddedRuntime(schedule=False):
                run = wait_for_end(run.pk, tail)
        return {**figures(run), "exit": 0 if run.status == Overall.FINISHED else 1}

    def _start(self, options: Mapping[str, Any]) -> EtlJobRun:
        """A new run; where one is open already (a process was killed, say), that one, to be worked to its end."""
        integration = Integration.objects.filter(pk=options["integration"]).first()
        if integration is None:
            raise CommandError(f"--integration {options['integration']}: there is no such integration")
        job = integration.jobs.order_by("id")[0]
        try:
            return _started(job, options)
        except lifecycle.IllegalTransition as error:
            run = None if options["discover"] else lifecycle.open_run(job.pk, _kinds(options))
            if run is None or run.status == Overall.PAUSED:
                raise CommandError(str(error)) from error
            self.stderr.write(f"{error}: joining run {run.pk}")
            return run


def _kinds(options: Mapping[str, Any]) -> tuple[RunKind, ...]:
    """Of which kinds a run may be that is to be joined."""
    return (RunKind.REPAIR,) if options["repair"] else JOB_KINDS


def _started(job: EtlJob, options: Mapping[str, Any]) -> EtlJobRun:
    projects = [name.strip() for name in options["projects"].split(",") if name.strip()]
    for whole in ("repair", "discover"):
        if options[whole] and (options["full"] or projects):
            raise CommandError(f"--{whole} looks at everything: it takes neither --full nor --projects")
    if options["repair"]:
        return lifecycle.start_repair(job.pk, trigger="command")
    if options["discover"]:
        return discovery.request(job, trigger="command")
    restriction = {"projects": projects} if projects else {}
    return lifecycle.start(job.pk, trigger="command", config={"full_sync": options["full"], **restriction})
