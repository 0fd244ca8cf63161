"""Start the embedded server when it is needed, stop it when the last process that uses it ends."""

import atexit
import os
import shlex
import subprocess
import threading
import time
from pathlib import Path

import psycopg2
from psycopg2 import sql

from . import cluster
from .account import account_for
from .errors import EmbeddedPostgresError
from .locks import FileLock
from .programs import program, run
from .socket_folder import PORT, prepare, socket_folder

DATABASE = "pulse"
# No superuser: what an attacker gets into a query can then neither read files nor run programs. It may create
# databases (the tests') and roles; for more, the superuser `postgres` has the same password.
ROLE = "pulse"

WAIT_SECONDS = 60
LOCK_SECONDS = 3 * WAIT_SECONDS  # someone may be stopping, then someone starting
POLL_SECONDS = 0.05
LOG_LINES_SHOWN = 20

# A server that ends still has its lock file; the backends of a killed one outlive it for a moment.
SIGNS_OF_AN_ENDING_SERVER = ("already exists", "still in use")

# Answers of pg_isready.
ACCEPTING, REJECTING = 0, 1

OPTIONS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_connections": "200",  # every thread of every process has its own
    "synchronous_commit": "on",  # a message is acknowledged after the commit: then it must be on disk
    # The password is random: guessing it is hopeless without thousands of rounds, which every connection would pay.
    "scram_iterations": "1",
    "jit": "off",  # compiling costs more than our short statements run
    "TimeZone": "UTC",
    "log_timezone": "UTC",
    # Who creates a role may also act as it (SET ROLE), as a superuser could.
    "createrole_self_grant": "set, inherit",
    # Errors of statements go to the program that sent them. Here they would fill the disk, with tenants' data.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}


class EmbeddedPostgres:
    """The server under `home`/postgres. Safe for threads; every process that uses it holds a lock on users.lock.

    start() joins the users, leave() (called at exit) stops the server if no other process uses it. A process that
    was killed leaves by itself, since the kernel frees its lock; the next one to leave then stops the server.
    """

    def __init__(self, home: Path) -> None:
        self.folder = home.resolve() / "postgres"
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.password_file = self.folder / "password"
        self.socket_folder = socket_folder(self.folder)
        self._users = FileLock(self.folder / "users.lock")
        self._changing = FileLock(self.folder / "changing.lock")
        self._threads = threading.RLock()
        # Whether this process has had an answer from the server: then connecting needs no look at it first.
        self.started = False
        os.register_at_fork(after_in_child=self._forget_parent)

    def start(self) -> None:
        """Have a server that answers, creating it or waiting for it; raise EmbeddedPostgresError if none comes up."""
        with self._threads:
            self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
            joined = not self._users.held
            if joined:
                self._users.acquire(shared=True, timeout=LOCK_SECONDS)
                atexit.register(self.leave)
            try:
                with self._changing.exclusive(LOCK_SECONDS):
                    self._bring_up()
                self.started = True
            except BaseException:
                if joined:
                    self._users.release()
                raise

    def stop(self) -> None:
        """Stop the server for everyone. Open connections are cut, their transactions rolled back."""
        with self._threads:
            self.started = False
            if self.folder.exists():
                with self._changing.exclusive(LOCK_SECONDS):
                    self._shut_down()

    def leave(self) -> None:
        """Use the server no more; the last process to leave stops it."""
        with self._threads:
            try:
                # Until release() nobody can join, so nobody sees a server that is about to end.
                if self._users.become_sole():
                    self.stop()
            finally:
                self.started = False
                self._users.release()

    def connection_settings(self) -> dict[str, str]:
        """Return HOST, PORT, USER, PASSWORD and NAME as Django's DATABASES has them; there must be a database."""
        return {
            "HOST": str(self.socket_folder),
            "PORT": str(PORT),
            "USER": ROLE,
            "PASSWORD": cluster.read_password(self.password_file),
            "NAME": DATABASE,
        }

    def _forget_parent(self) -> None:
        """In a forked child: the lock is the parent's; the child takes its own when it first connects."""
        self._threads = threading.RLock()
        self.started = False
        self._users.release()
        self._changing.release()

    def _bring_up(self) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while (state := self._state()) == REJECTING and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if state == REJECTING:
            raise self._error("still recovers or shuts down")
        if state != ACCEPTING:
            cluster.create(self.data, self.password_file, account_for(self.data))
            self._launch(deadline)
        self._create_role_and_database()

    def _state(self) -> int:
        """Ask whoever listens on the socket. Only the kernel knows whether someone does; a pid file can lie."""
        command = [str(program("pg_isready")), f"--host={self.socket_folder}", f"--port={PORT}", "--dbname=postgres"]
        return run(command, subprocess.DEVNULL)

    def _launch(self, deadline: float) -> None:
        prepare(self.socket_folder, account_for(self.data))
        options = [f"--{name}={value}" for name, value in OPTIONS.items()]
        options.append(f"--unix_socket_directories={self.socket_folder}")
        start = ["start", "--wait", f"--timeout={WAIT_SECONDS}", f"--options={shlex.join(options)}"]
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        cluster.clear_leftovers(self.data, self.socket_folder)
        while self._pg_ctl(start) != 0:
            passing = any(sign in self._log_tail() for sign in SIGNS_OF_AN_ENDING_SERVER)
            if not passing or time.monotonic() > deadline:
                raise self._error("does not start")
            time.sleep(POLL_SECONDS)
            cluster.clear_leftovers(self.data, self.socket_folder)

    def _shut_down(self) -> None:
        # Asked first, because pg_ctl believes the pid file, and the id in it may be someone else's by now.
        listening = self._state() in (ACCEPTING, REJECTING)
        if listening and self._pg_ctl(["stop", "--mode=fast", "--wait", f"--timeout={WAIT_SECONDS}"]) != 0:
            raise self._error("does not stop")

    def _pg_ctl(self, arguments: list[str]) -> int:
        pg_ctl = program("pg_ctl")
        prefix = account_for(self.data).prefix(pg_ctl, self.data, self.socket_folder)
        # Opened by us and handed down: the server's account may not write beside its data.
        with open(self.log, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as log:
            # PGDATA, not --pgdata: pg_ctl would put that into a shell's command line with any $ in it.
            return run([*prefix, str(pg_ctl), *arguments], log, PGDATA=str(self.data))

    def _create_role_and_database(self) -> None:
        """Make what is missing, at every start: the process that began it may have been killed."""
        password = cluster.read_password(self.password_file)
        connection = psycopg2.connect(
            host=str(self.socket_folder), port=PORT, user=cluster.SUPERUSER, password=password, dbname="postgres"
        )
        try:
            connection.autocommit = True  # CREATE DATABASE refuses a transaction
            with connection.cursor() as cursor:
                cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [ROLE])
                if not cursor.rowcount:
                    create_role = sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD %s")
                    cursor.execute(create_role.format(sql.Identifier(ROLE)), [password])
                cursor.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
                if not cursor.rowcount:
                    create_database = sql.SQL("CREATE DATABASE {} OWNER {}")
                    cursor.execute(create_database.format(sql.Identifier(DATABASE), sql.Identifier(ROLE)))
        finally:
            connection.close()

    def _error(self, what: str) -> EmbeddedPostgresError:
        return EmbeddedPostgresError(f"The embedded PostgreSQL {what}. The end of {self.log}:\n{self._log_tail()}")

    def _log_tail(self) -> str:
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])
