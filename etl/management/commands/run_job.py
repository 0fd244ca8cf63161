"""manage.py run_job --integration 1 --wait: runs an integration's sync, repair or discovery of custom fields, now."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from etl.history.watching import EventTail, figures, wait_for_end
from etl.jobs import discovery, lifecycle
from etl.jobs.asked import InvalidRequest, RunRequest
from etl.jobs.watermarks import restrictions
from etl.models import EtlJob, EtlJobRun, Overall, RunKind
from etl.workers.runtime import EmbeddedRuntime
from integrations.commands import integration_of
from pulse.commands import ScriptCommand, listed


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
        parser.add_argument("--projects", help="read only these, by key, owner/name or id, separated by commas")
        parser.add_argument("--steps", help="do only these steps, by name, separated by commas")
        parser.add_argument("--from", dest="updated_from", help="read only what was last changed then (UTC) or later")
        parser.add_argument("--to", dest="updated_to", help="read only what was last changed before; a day: on it, too")
        parser.add_argument("--batch-size", type=int, help="items a page, where the integration does not say")
        parser.add_argument("--no-dev-status", action="store_true", help="read no development status")
        parser.add_argument("--custom-fields", action="store_true", help="discover custom fields besides")
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
        """A new run; where one is open that does the same (a process was killed, say), that one, to its end."""
        integration = integration_of(options["integration"])
        job = integration.jobs.order_by("id")[0]
        try:
            return _started(job, options)
        except lifecycle.IllegalTransition as error:
            run = None if options["discover"] else lifecycle.open_run(job.pk, (_kind(options),))
            if run is None or run.status == Overall.PAUSED or not _does(run, _asked(options)):
                raise CommandError(str(error)) from error
            self.stderr.write(f"{error}: joining run {run.pk}")
            return run


def _kind(options: Mapping[str, Any]) -> RunKind:
    return RunKind.REPAIR if options["repair"] else RunKind.SYNC


def _does(run: EtlJobRun, asked: Mapping[str, Any]) -> bool:
    """Whether an open run does what is asked for: all of it, and of a part the same one."""
    config = RunRequest.parse(asked, run.integration).config()
    same_part = restrictions(run.config) == restrictions(config)
    return same_part and all(run.config.get(name) == value for name, value in config.items())


def _started(job: EtlJob, options: Mapping[str, Any]) -> EtlJobRun:
    asked = _asked(options)
    for whole in ("repair", "discover"):
        if options[whole] and asked:
            raise CommandError(f"--{whole} looks at everything: it takes none of the options that narrow a sync down")
    if options["repair"]:
        return lifecycle.start_repair(job.pk, trigger="command")
    if options["discover"]:
        return discovery.request(job, trigger="command")
    try:
        request = RunRequest.parse(asked, job.integration)
    except InvalidRequest as error:
        raise CommandError(str(error)) from error
    return lifecycle.start(job.pk, trigger="command", config=request.config())


def _asked(options: Mapping[str, Any]) -> dict[str, Any]:
    """What the options say, by the names of `RunRequest`."""
    asked = {
        "full_sync": options["full"] or None,
        **{name: _names(name, options[name]) for name in ("projects", "steps") if options[name] is not None},
        "updated_from": options["updated_from"],
        "updated_to": options["updated_to"],
        "batch_size": options["batch_size"],
        "include_dev_status": False if options["no_dev_status"] else None,
        "include_custom_fields": options["custom_fields"] or None,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _names(option: str, text: str) -> list[str]:
    """Raises CommandError where there are none: a script's variable that is not set shall not mean everything."""
    names = listed(text)
    if not names:
        raise CommandError(f"--{option} {text!r} names nothing: leave it out for all")
    return names
