"""manage.py rotate_keys: encrypts every stored secret with the first of PULSE_ENCRYPTION_KEYS."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from integrations.rotation import Rotated, rotate
from pulse.commands import ScriptCommand

logger = logging.getLogger(__name__)

SHOWN_IDS = 20


class Command(ScriptCommand):
    help = (
        "Encrypts all stored secrets with the first of PULSE_ENCRYPTION_KEYS. Run it once every process has the new"
        " key in front: it says when the others can go. It may be ended at any time, and begun again. Ends with 1 where"
        " a secret is read by no key."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="only count what is under older keys")

    def run(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            found = rotate(dry_run=options["dry_run"])
        except ValueError as error:
            raise CommandError(f"PULSE_ENCRYPTION_KEYS holds what is no Fernet key: {error}") from error
        if rotated := [(one.table, one.rotated) for one in found if one.rotated]:
            logger.info("secrets encrypted anew: %s", ", ".join(f"{table} {count}" for table, count in rotated))
        unreadable = {one.table: one.unreadable[:SHOWN_IDS] for one in found if one.unreadable}
        return {
            "secrets": sum(one.total for one in found),
            "under_older_keys": sum(one.outdated for one in found),
            "rotated": sum(one.rotated for one in found),
            "by_table": {one.table: one.rotated for one in found},
            "unreadable": unreadable,
            "older_keys": _older_keys(found),
            "exit": 1 if unreadable else 0,
        }


def _older_keys(found: Sequence[Rotated]) -> str:
    """What to do with them."""
    if any(one.unreadable for one in found):
        return "are still needed, and one is missing: no key reads the secrets of the rows above; add theirs at the end"
    if any(one.needs_older_keys for one in found):
        return "are still needed: run it without --dry-run"
    if len(settings.PULSE_ENCRYPTION_KEYS) == 1:
        return "there are none: put a new key before this one to rotate"
    return "can go: take all but the first out of PULSE_ENCRYPTION_KEYS, and start the processes again"
