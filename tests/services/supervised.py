"""A service whose life is tied to this process: when the pipe to its supervisor closes, it is killed.

The kernel closes the pipe however this process ends, so a crashed test run leaves nothing behind.
"""

import subprocess
from collections.abc import Mapping
from pathlib import Path

STOP_SECONDS = 20
_TIED = """
setsid sh -c "$START" </dev/null &
read -r _
kill -9 -$!
wait $! 2>/dev/null
sh -c "$CLEAN"
"""


class Supervised:
    """Runs the shell command ``start`` in its own session; ``clean`` is run once it is dead."""

    def __init__(self, start: str, clean: str, environment: Mapping[str, str], log: Path) -> None:
        with log.open("wb") as output:
            self._supervisor = subprocess.Popen(
                ["sh", "-c", _TIED],
                env={**environment, "START": start, "CLEAN": clean},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C goes to the test run, which then stops this in order
            )

    def stop(self) -> None:
        """Kill the service hard and wait until it and its folder are gone. May be called twice."""
        assert self._supervisor.stdin is not None
        self._supervisor.stdin.close()
        self._supervisor.wait(STOP_SECONDS)
