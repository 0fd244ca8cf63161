"""manage.py replay_dead --cause "…": sends dead letters back, or discards them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet

from etl.letters import dead_letters
from etl.letters.dead_letters import Group
from etl.models import DeadLetter
from etl.queue.topology import ALL_QUEUES
from pulse.commands import ScriptCommand, listed
from pulse.tenancy.models import Tenant


class Command(ScriptCommand):
    help = (
        "Sends open dead letters back: units that failed wait again, other messages are published again to their queue."
        " Which ones is said by one or more of --ids, --queue, --cause and --tenant, which all must fit, or by --all."
        " Ends with 1 where one could not be settled, and says why."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--ids", default="", help="these only, separated by commas")
        parser.add_argument("--queue", default="", help="of this queue only")
        parser.add_argument("--cause", default="", help="of this cause only, as --dry-run shows it")
        parser.add_argument("--tenant", type=int, help="of this tenant only, by id")
        parser.add_argument("--all", action="store_true", help="all that are open, of all tenants")
        parser.add_argument("--discard", action="store_true", help="settle them for good instead: units stay failed")
        parser.add_argument("--dry-run", action="store_true", help="only show which they are, by cause")

    def run(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        letters = _chosen(options)
        if options["dry_run"]:
            groups = dead_letters.groups(letters)
            causes = [asdict(group) for group in groups] if options["json"] else _lines(groups)
            return {"letters": letters.count(), "causes": causes}
        settle = dead_letters.discard if options["discard"] else dead_letters.replay
        settled = settle(list(letters.order_by("pk").values_list("pk", flat=True)), by=None)
        told = {"discarded" if options["discard"] else "replayed": len(settled.done)}
        return {
            **told,
            "refused": {str(pk): why for pk, why in settled.refused.items()},
            "exit": 1 if settled.refused else 0,
        }


def _lines(groups: Sequence[Group]) -> str:
    """For people: how many letters have each cause, which stands there as --cause takes it."""
    return "".join(f"\n{group.count:>6}  {group.cause}" for group in groups) or "none"


def _chosen(options: Mapping[str, Any]) -> QuerySet[DeadLetter]:
    """The open letters that the options ask for. Raises CommandError where none of them says which."""
    asked: dict[str, Any] = {
        "pk__in": _ids(options["ids"]),
        "queue": _queue(options["queue"]),
        "cause": options["cause"],
        "tenant_id": _tenant(options["tenant"]),
    }
    wanted = {name: value for name, value in asked.items() if value}
    if bool(wanted) == options["all"]:
        raise CommandError("say which letters: --ids, --queue, --cause or --tenant, or --all by itself")
    letters = DeadLetter.objects.filter(state=DeadLetter.State.OPEN, **wanted)
    missing = set(wanted.get("pk__in", ())) - set(letters.values_list("pk", flat=True)) if "pk__in" in wanted else set()
    if missing:
        raise CommandError(f"--ids: {', '.join(map(str, sorted(missing)))}: no such open letter, or not of that kind")
    return letters


def _ids(text: str) -> list[int]:
    parts = listed(text)
    for part in parts:
        if not (part.isascii() and part.isdigit()):
            raise CommandError(f"--ids: {part!r} is not a whole number")
    return [int(part) for part in parts]


def _queue(name: str) -> str:
    if name and name not in ALL_QUEUES and not DeadLetter.objects.filter(queue=name).exists():
        raise CommandError(f"--queue {name!r}: there is no such queue; known are: {', '.join(ALL_QUEUES)}")
    return name


def _tenant(tenant_id: int | None) -> int | None:
    if tenant_id is not None and not Tenant.objects.filter(pk=tenant_id).exists():
        raise CommandError(f"--tenant {tenant_id}: there is no such tenant")
    return tenant_id
