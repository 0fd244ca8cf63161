"""Pulse's commands as processes of their own, with settings of their own."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.services.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
COMMAND_SECONDS = 120
STOP_SECONDS = 30
# What the machine or the test run has set must not reach the process: each starts from the defaults.
_OURS = ("DATABASE_URL", "RABBITMQ_URL", "RABBITMQ_MANAGEMENT_URL", "QDRANT_URL", "QDRANT_API_KEY")


@dataclass(frozen=True)
class Ended:
    """A command that has ended. ``answer`` is the JSON object in its last line."""

    code: int
    out: str
    errors: str

    @property
    def answer(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return found


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that has only those settings."""
    defaults = {**dict.fromkeys(_OURS, ""), "DJANGO_SETTINGS_MODULE": "pulse.settings", "PYTHONUNBUFFERED": "1"}
    defaults["PULSE_ALLOW_PRIVATE_HOSTS"] = "127.0.0.1"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PULSE_", "PYTEST_"))}
    return {**inherited, **defaults, **variables}


class Running:
    """A process, killed at the latest at the end of the `with` block. Its output goes to a file."""

    def __init__(self, arguments: list[str], variables: Mapping[str, str]) -> None:
        self._files = ExitStack()
        self._output = self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  (closed by close)
        self._errors = self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._errors,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def out(self) -> str:
        return self._read(self._output.fileno())

    @property
    def errors(self) -> str:
        return self._read(self._errors.fileno())

    def _read(self, descriptor: int) -> str:
        # By position: the process writes at the same open file's end.
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """Until it has printed that."""
        shown = wait_until(lambda: text in self.out + self.errors or not self.alive, seconds)
        assert shown, f"no {text!r} within {seconds} s: {self.out}{self.errors}"
        assert text in self.out + self.errors, f"it ended without {text!r}: {self.out}{self.errors}"

    def send(self, number: signal.Signals) -> None:
        os.kill(self._process.pid, number)

    def ended(self, seconds: float = COMMAND_SECONDS) -> Ended:
        """What it came to, once it has ended by itself."""
        code = self._process.wait(seconds)
        return Ended(code, self.out, self.errors)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> Ended:
        """Asks it to end."""
        self.send(number)
        return self.ended(STOP_SECONDS)

    def kill(self) -> None:
        if self.alive:
            self._process.kill()
            self._process.wait(STOP_SECONDS)

    def close(self) -> None:
        """Kills it where it still lives, and forgets what it printed. May be called twice."""
        self.kill()
        self._files.close()


def answers(port: int) -> bool:
    """Whether somebody listens on this loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
