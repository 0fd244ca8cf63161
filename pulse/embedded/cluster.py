"""The files of the server: its data folder, its password, and the leftovers of a crash."""

import os
import secrets
import shutil
import tempfile
from pathlib import Path

from .account import Account
from .errors import EmbeddedPostgresError
from .programs import program, run
from .socket_folder import PORT

SUPERUSER = "postgres"


def create(data: Path, password_file: Path, account: Account) -> None:
    """Make a new data folder and password, unless there is one. Cut off at any point, the next call begins anew."""
    if data.exists():
        return
    password = secrets.token_urlsafe(24)
    _write_private(password_file, password)
    fresh = data.with_name("data.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    account.give(fresh)
    _initdb(fresh, password, account)
    # The name appears only with a complete folder behind it.
    fresh.rename(data)


def read_password(password_file: Path) -> str:
    """Return the password; raise EmbeddedPostgresError when it was lost or belongs to another user."""
    try:
        return password_file.read_text()
    except OSError as error:
        raise EmbeddedPostgresError(
            f"Cannot read the database's password: {error}. Run as the user who created {password_file.parent}; "
            "without this file its data cannot be used."
        ) from error


def clear_leftovers(data: Path, socket_folder: Path) -> None:
    """Make the lock files of a killed server harmless, when no one listens and their process id means another program.

    After a reboot or in a new container ids come again, and a container without an init keeps the dead in its table;
    PostgreSQL would take either for a running server and refuse to start.
    """
    pid_file = data / "postmaster.pid"
    pid, _, rest = pid_file.read_text().partition("\n") if pid_file.exists() else ("", "", "")
    if pid and _works_in(pid, data):
        return
    (socket_folder / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
    if pid and Path("/proc", pid).exists():
        # This file also leads PostgreSQL to orphaned backends, so it stays and only the id is replaced:
        # PostgreSQL takes the id of its starter for stale.
        pid_file.write_text(f"{os.getpid()}\n{rest}")


def _works_in(pid: str, data: Path) -> bool:
    """Tell whether process `pid` is a server on `data`: that is its working folder. A zombie has none."""
    try:
        return Path("/proc", pid, "cwd").readlink() == data
    except OSError:
        return False


def _initdb(folder: Path, password: str, account: Account) -> None:
    copy = folder.with_name("initdb.password")
    _write_private(copy, password)
    account.give(copy)
    initdb = program("initdb")
    command = [*account.prefix(initdb, folder, copy), str(initdb), f"--pgdata={folder}", f"--username={SUPERUSER}"]
    command += ["--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={copy}"]
    try:
        with tempfile.TemporaryFile() as output:
            if run(command, output) != 0:
                output.seek(0)
                said = output.read().decode(errors="replace")
                raise EmbeddedPostgresError(f"Cannot create a database in {folder}:\n{said}")
    finally:
        copy.unlink()


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
