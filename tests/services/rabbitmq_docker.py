"""RabbitMQ in a container, where the machine has docker and no Debian package."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.services.supervised import Supervised
from tests.services.waiting import amqp_answers, wait_until

IMAGE = "rabbitmq:3.13-management-alpine"
PULL_AND_START_SECONDS = 300


def available() -> bool:
    """Whether a docker client is there and its daemon answers."""
    return shutil.which("docker") is not None and bool(_docker("version", "--format", "{{.Server.Version}}"))


def start() -> tuple[str, str, Callable[[], None]]:
    """Start a container on random loopback ports: its url, its management url, and what removes it."""
    name, log = f"pulse-test-rabbitmq-{secrets.token_hex(4)}", Path(tempfile.mkdtemp()) / "console"
    ports = "-p 127.0.0.1::5672 -p 127.0.0.1::15672"
    container = Supervised(
        f"docker run --rm --name {name} {ports} {IMAGE}",
        f"docker rm -f {name}; rm -rf {log.parent}",
        os.environ,
        log,
    )
    if not wait_until(lambda: amqp_answers(_port(name, 5672)), PULL_AND_START_SECONDS):
        output = log.read_text(errors="replace")[-2000:]
        container.stop()
        raise RuntimeError(f"the RabbitMQ container did not start: {output}")
    url = f"amqp://guest:guest@127.0.0.1:{_port(name, 5672)}/%2F"
    return url, f"http://guest:guest@127.0.0.1:{_port(name, 15672)}", container.stop


def _port(name: str, inside: int) -> int:
    """The loopback port of a container's port; 0 while there is none."""
    return int(_docker("port", name, str(inside)).rpartition(":")[2] or 0)


def _docker(*arguments: str) -> str:
    answer = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else ""
