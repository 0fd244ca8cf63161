"""The deployment files say what the settings read, and what other tools expect."""

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands, load_command_class

from deploy.healthy import answers
from etl.queue.topology import Stage
from etl.workers.pool import known_workers
from pulse.tenancy.models import Tier
from tests.support.serving import Serving

ROOT = Path(settings.BASE_DIR)
SETTINGS_READ = re.compile(r'(?:\benv\.\w+|\b_secret)\(\s*"(\w+)"')
DEFAULT = re.compile(r'\benv\.(?:int|bool|str)\(\s*"(\w+)", default="?([^")]*)"?\)')
COMPOSE_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def _example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


def _worker_arguments(service: str) -> dict[str, Any]:
    """What `run_worker` makes of a service's command; the parser ends the test where it is wrong."""
    arguments: list[str] = SERVICES[service]["command"]
    assert arguments[:3] == ["python", "manage.py", "run_worker"]
    parser = load_command_class("etl", "run_worker").create_parser("manage.py", "run_worker")
    return vars(parser.parse_args(arguments[3:]))


def _ports(service: str) -> set[str]:
    return {str(port).rpartition(":")[2] for port in SERVICES[service]["ports"]}


def test_the_example_lists_every_setting_and_no_other() -> None:
    read = set(SETTINGS_READ.findall((ROOT / "pulse" / "settings.py").read_text()))
    in_compose = {name for name, _ in COMPOSE_VARIABLE.findall(COMPOSE_TEXT)}
    assert {"SECRET_KEY", "DATABASE_URL", "PULSE_HOME"} <= read
    assert set(_example()) == read | in_compose


def test_every_line_of_the_example_has_a_comment_of_its_own() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    bare = [line for before, line in pairwise(lines) if "=" in line and not before.startswith("#")]
    assert bare == []


def test_the_examples_values_are_the_defaults_of_the_settings() -> None:
    defaults = dict(DEFAULT.findall((ROOT / "pulse" / "settings.py").read_text()))
    example = _example()
    assert len(defaults) > len(example) / 2
    assert {name: example[name] for name, value in defaults.items() if value.lower() != example[name].lower()} == {}


def test_the_settings_of_the_operations_page_have_the_values_of_the_example() -> None:
    table = (ROOT / "docs" / "operations.md").read_text().split("## Settings")[1].split("##")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
    told = {name: value.strip() for names, value in rows for name in re.findall(r"`(\w+)`", names)}
    assert len(told) > 10
    assert told == {name: value for name, value in _example().items() if name in told}


def test_the_containers_get_every_setting_but_those_of_the_embedded_profile() -> None:
    read = set(SETTINGS_READ.findall((ROOT / "pulse" / "settings.py").read_text()))
    assert read - set(COMPOSE["x-app"]["environment"]) == {"PULSE_HOME", "DEBUG"}


def test_the_examples_values_are_the_defaults_of_the_compose_file() -> None:
    example = _example()
    differing = {
        name: default
        for name, default in COMPOSE_VARIABLE.findall(COMPOSE_TEXT)
        if example[name] and name != "ALLOWED_HOSTS" and default != example[name]
    }
    assert differing == {}


def test_rabbitmq_is_the_one_that_other_tools_know() -> None:
    rabbitmq = SERVICES["rabbitmq"]
    assert rabbitmq["image"] == "rabbitmq:3.13-management-alpine"
    assert rabbitmq["container_name"] == "pulse-rabbitmq"
    assert _ports("rabbitmq") == {"5672", "15672"}
    assert rabbitmq["healthcheck"]["test"] == ["CMD", "rabbitmq-diagnostics", "ping"]
    assert rabbitmq["volumes"] == ["rabbitmq:/var/lib/rabbitmq"]
    defaults = [COMPOSE_VARIABLE.findall(value)[0][1] for value in rabbitmq["environment"].values()]
    assert defaults == ["etl_user", "etl_password", "pulse_etl"]


@pytest.mark.parametrize(
    ("service", "port"), [("postgres", "5432"), ("postgres-replica", "5432"), ("qdrant", "6333"), ("redis", "6379")]
)
def test_a_service_listens_where_it_is_expected(service: str, port: str) -> None:
    assert _ports(service) == {port}


def test_each_tier_has_workers_for_every_stage() -> None:
    for tier in Tier:
        arguments = _worker_arguments(f"worker-{tier}")
        assert arguments["tier"] == [tier]
        assert set(arguments["workers"]) == set(Stage)


def test_every_worker_that_there_is_runs_somewhere() -> None:
    workers = [name for name in SERVICES if name.startswith("worker-")]
    assert {worker for name in workers for worker in _worker_arguments(name)["workers"]} == set(known_workers())


def test_every_service_comes_back_by_itself() -> None:
    assert {
        name: service["restart"] for name, service in SERVICES.items() if service["restart"] != "unless-stopped"
    } == {"migrate": "on-failure"}


def test_whatever_is_waited_for_can_tell_that_it_is_ready() -> None:
    for service in SERVICES.values():
        for name, awaited in service.get("depends_on", {}).items():
            if awaited["condition"] == "service_healthy":
                assert "test" in SERVICES[name]["healthcheck"]
            else:
                assert (name, awaited["condition"]) == ("migrate", "service_completed_successfully")


def test_volumes_and_mounted_files_exist() -> None:
    mounts = [str(volume).split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    files = {mount for mount in mounts if mount.startswith(".")}
    assert set(mounts) - files == set(COMPOSE["volumes"])
    assert all((ROOT / file).is_file() for file in files)


def test_the_image_runs_as_an_ordinary_user_and_leaves_secrets_out() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    assert dockerfile.startswith("# One image")
    assert "FROM python:3.11-slim" in dockerfile
    assert dockerfile.index("USER pulse") < dockerfile.index("HEALTHCHECK")
    ignored = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    assert {".env", ".git", "var"} <= set(ignored)


def test_the_readme_names_commands_and_options_that_exist() -> None:
    table = (ROOT / "README.md").read_text().split("## Commands")[1].split("## The admin")[0]
    shown = [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")]
    assert len(shown) > len(SERVICES) / 2
    for name, *arguments in map(str.split, shown):
        if name not in ("migrate", "createsuperuser"):
            known = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
            options = {word for word in arguments if word.startswith("--")}
            assert options <= set(known._option_string_actions), name


class _Always(BaseHTTPRequestHandler):
    """Answers every GET with one status."""

    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture(params=[200, 500])
def site(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    handler = type("Handler", (_Always,), {"status": request.param})
    with Serving(HTTPServer(("127.0.0.1", 0), handler)) as server:
        yield f"http://127.0.0.1:{server.port}/", request.param


def test_a_container_is_healthy_where_its_web_process_answers(site: tuple[str, int]) -> None:
    url, status = site
    assert answers(url) == (status == 200)


def test_a_container_without_a_web_process_is_not_healthy() -> None:
    with HTTPServer(("127.0.0.1", 0), _Always) as server:
        port = server.server_port
    assert not answers(f"http://127.0.0.1:{port}/")
