"""manage.py verify --integration 1 --repair: compares what a site has with what is stored, and repairs what differs."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from etl.history.watching import EventTail, wait_for_end
from etl.jobs.lifecycle import IllegalTransition
from etl.models import Verification
from etl.verification import verify
from etl.workers.runtime import EmbeddedRuntime
from integrations.commands import integration_of
from integrations.models import Integration
from pulse.commands import ScriptCommand
from pulse.tenancy.models import Tenant


class Command(ScriptCommand):
    help = (
        "Compares what sites have with what is stored of it, by project or repository: answers, rows, quarantine and"
        " vectors. Ends with 0 where nothing differs, 1 where something does, or could not be compared. In the embedded"
        " profile the work is done in this process, where no other process does it already."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--integration", type=int, help="id; all active ones where nothing is named")
        which.add_argument("--tenant", help="id or name: all active integrations of that tenant")
        parser.add_argument("--repair", action="store_true", help="repair what differs, and compare once more")

    def run(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        integrations = _wanted(options)
        runtime: AbstractContextManager[object] = (
            nullcontext() if settings.RABBITMQ_URL else EmbeddedRuntime(schedule=False)
        )
        with runtime:
            found = [self._verified(integration, repair=options["repair"]) for integration in integrations]
        is_well = all(one["state"] == Verification.State.FINISHED and _is_well(one) for one in found)
        if not options["json"]:
            self._tell(found)
            return {"exit": 0 if is_well else 1}
        return {"integrations": found, "exit": 0 if is_well else 1}

    def _verified(self, integration: Integration, *, repair: bool) -> Mapping[str, Any]:
        """What the verification found; after a repair, what the one after it did."""
        first = self._ended(integration, repairs=repair)
        if first.repair is None:
            return _told(first)
        run = wait_for_end(first.repair.pk, EventTail(first.repair.pk, self.stderr.write))
        again = _told(self._ended(integration, repairs=False))
        return {**again, "before": _told(first), "repair": {"run_id": run.pk, "status": run.status}}

    def _ended(self, integration: Integration, *, repairs: bool) -> Verification:
        try:
            asked = verify.request(integration, trigger="command", repairs=repairs)
        except IllegalTransition as error:
            raise CommandError(str(error)) from error
        return verify.wait_for_end(asked.pk)

    def _tell(self, found: Iterable[Mapping[str, Any]]) -> None:
        for one in found:
            self.stdout.write(f"{one['name']}: {one['state']}, drift score {one['score']}{_why(one)}")
            for line in _lines(one["report"]):
                self.stdout.write(line)


def _is_well(one: Mapping[str, Any]) -> bool:
    return not one["report"]["drift"] and not one["report"]["problems"]


def _why(one: Mapping[str, Any]) -> str:
    said = [one["error"], one["report"].get("not_repaired", "")]
    if repair := one.get("repair"):
        said.append(f"repaired by run {repair['run_id']} ({repair['status']}), before {one['before']['score']}")
    return "".join(f"; {text}" for text in said if text)


_COLUMNS = ("source", "raw", "derived", "quarantined", "deleted", "missing", "gone", "underived", "stale", "unanswered")


def _lines(report: Mapping[str, Any]) -> Iterable[str]:
    """A table: a line for each project or repository, and one of all."""
    kind = report.get("kind")
    if kind is None:
        return
    yield f"{kind:<24}" + "".join(f"{name:>13}" for name in (*_COLUMNS, "vectors"))
    for one in report[kind]:
        yield _line(one["name"], one)
        if one["problem"]:
            yield f"    {one['problem']}"
        elif one["changed_since"]:
            yield f"    since {one['since']}: {one['created_since']} created, {one['changed_since']} changed"
    yield _line("in all", report["totals"])


def _line(name: str, one: Mapping[str, Any]) -> str:
    cells: Sequence[Any] = ["-" if one[column] is None else one[column] for column in _COLUMNS]
    vectors = f"{one['vectors']['completed']}/{one['vectors']['wanted']}"
    return f"{name[:23]:<24}" + "".join(f"{cell:>13}" for cell in (*cells, vectors))


def _told(verification: Verification) -> dict[str, Any]:
    return {
        "integration_id": verification.integration_id,
        "name": verification.integration.name,
        "verification_id": verification.pk,
        "state": verification.state,
        "score": verification.score,
        "error": verification.error_message,
        "report": verification.report,
    }


def _wanted(options: Mapping[str, Any]) -> list[Integration]:
    """Raises CommandError, which names the option and its value, where there is none such."""
    if options["integration"] is not None:
        return [integration_of(options["integration"])]
    active = Integration.objects.filter(active=True, tenant__active=True).order_by("pk")
    if options["tenant"] is None:
        return list(active)
    named = str(options["tenant"])
    tenant = Tenant.objects.filter(name=named).first() or (
        Tenant.objects.filter(pk=int(named)).first() if named.isdecimal() else None
    )
    if tenant is None:
        raise CommandError(f"--tenant {named}: there is no such tenant")
    return list(active.filter(tenant=tenant))
