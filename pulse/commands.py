"""What Pulse's commands for scripts share: `--json`, one object as the last line."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import orjson
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import ProgrammingError

from pulse.tenancy.audit import Actor, acting


class ScriptCommand(BaseCommand):
    """A command that answers with an object: as `name: value` lines, or with ``--json`` as JSON in the last line."""

    # They read all of the code, pages too, for faults that only its writers make: `make lint` does that.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    @abstractmethod
    def run(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Does the work; what it answers. Its key "exit" (0 where missing) is the exit code."""

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with acting(Actor(f"command {self.__module__.rpartition('.')[2]}")):
                answer = self._answer(options)
        except CommandError as error:
            # The message goes to stderr as well; a script that reads the last line finds an object in any case.
            if options["json"]:
                self.stdout.write(orjson.dumps({"error": str(error)}).decode())
            raise
        code = answer.pop("exit", 0)
        if options["json"]:
            self.stdout.write(orjson.dumps(answer, default=str).decode())
        else:
            for name, value in answer.items():
                self.stdout.write(f"{name}: {value}")
        if code:
            raise SystemExit(code)

    def _answer(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """What `run` answers; errors that a person can mend become CommandErrors."""
        try:
            return dict(self.run(options))
        except ValidationError as error:
            raise CommandError("; ".join(_told(error))) from error
        except ProgrammingError as error:
            if "does not exist" not in str(error):
                raise
            raise CommandError("the database lacks tables: run `manage.py migrate` first") from error


def _told(error: ValidationError) -> list[str]:
    """The messages, each with the field that it is about."""
    if not hasattr(error, "error_dict"):
        return list(error.messages)
    return [
        message if name == NON_FIELD_ERRORS else f"{name}: {message}"
        for name, messages in error.message_dict.items()
        for message in messages
    ]


def listed(text: str) -> list[str]:
    """An argument that names several, separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def pairs(texts: list[str], option: str) -> dict[str, str]:
    """``name=value`` arguments as a dictionary. Raises CommandError, which names the option and the text."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise CommandError(f"{option} {text!r} is not of the form name=value")
        found[name.strip()] = value
    return found
