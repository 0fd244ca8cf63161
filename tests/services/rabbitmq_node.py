"""A private RabbitMQ node from Debian's package: own name, ports, cookie, epmd and data folder."""

import os
import random
import secrets
import shlex
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.services.supervised import Supervised
from tests.services.waiting import amqp_answers, wait_until

BIN = Path("/usr/lib/rabbitmq/bin")  # /usr/sbin has wrappers that change the user and the folder
START_SECONDS = 90
STARTS = 3
# Below those that Linux gives to outgoing connections.
PORTS = (20_000, 32_000)


@dataclass(frozen=True)
class Ports:
    """The four ports of a node, all on 127.0.0.1."""

    amqp: int
    management: int
    distribution: int
    epmd: int


def installed() -> bool:
    """Whether Debian's server and Erlang's port mapper are there."""
    return (BIN / "rabbitmq-server").exists() and shutil.which("epmd") is not None


def start() -> tuple[str, str, Callable[[], None]]:
    """Start a node and wait until it speaks AMQP: its url, its management url, and what stops it.

    Ports are free when chosen, but another process may be faster: then it starts again with others.
    """
    output = ""
    for _ in range(STARTS):
        folder, ports = Path(tempfile.mkdtemp(prefix="pulse-rabbitmq-")), free_ports()
        node = _launch(folder, ports, clean=f"rm -rf {shlex.quote(str(folder))}")
        if _came_up(folder, ports):
            return _url(ports), _management(ports), node.stop
        output = _console(folder)
        node.stop()
    raise RuntimeError(f"the private RabbitMQ node did not start: {output}")


class RestartableNode:
    """A node in a folder of the caller's, that can be killed, emptied and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder, self._ports = folder, free_ports()
        self._running: Supervised | None = None
        self.url, self.management_url = _url(self._ports), _management(self._ports)

    def start(self) -> None:
        """Until it answers. Raises RuntimeError with the end of what it printed."""
        (self._folder / "ended").unlink(missing_ok=True)
        self._running = _launch(self._folder, self._ports, clean="true")
        if not _came_up(self._folder, self._ports):
            raise RuntimeError(f"the RabbitMQ node did not start: {_console(self._folder)}")

    def kill(self) -> None:
        """At once, without a word to anybody. What it had confirmed is on disk."""
        if self._running is not None:
            self._running.stop()
            self._running = None

    def forget_all(self) -> None:
        """Removes all that the killed node had stored: queues, messages, bindings."""
        shutil.rmtree(self._folder / "mnesia")


def _came_up(folder: Path, ports: Ports) -> bool:
    """Whether it answers; does not wait on when it has ended by itself."""
    wait_until(lambda: amqp_answers(ports.amqp) or (folder / "ended").exists(), START_SECONDS)
    return amqp_answers(ports.amqp)


def _console(folder: Path) -> str:
    return (folder / "console").read_text(errors="replace")[-2000:]


def _url(ports: Ports) -> str:
    return f"amqp://guest:guest@127.0.0.1:{ports.amqp}/%2F"


def _management(ports: Ports) -> str:
    return f"http://guest:guest@127.0.0.1:{ports.management}"


def free_ports() -> Ports:
    """Four different ports that nobody listens on; held together while they are chosen."""
    with ExitStack() as held:
        return Ports(*(_free_port(held) for _ in range(4)))


def _free_port(held: ExitStack) -> int:
    """One that no outgoing connection is given: else somebody's would have it while the node is down."""
    listener = held.enter_context(socket.socket())
    while True:
        port = random.randrange(*PORTS)
        with suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def _launch(folder: Path, ports: Ports, *, clean: str) -> Supervised:
    _write_files(folder, ports)
    # epmd in the foreground belongs to the session that is killed; the one the node starts itself would not
    start_both = f"epmd -port {ports.epmd} & {BIN}/rabbitmq-server; touch {shlex.quote(str(folder))}/ended"
    environment = os.environ | dict(_environment(folder, ports))
    environment.pop("NOTIFY_SOCKET", None)
    return Supervised(start_both, clean, environment, folder / "console")


def _write_files(folder: Path, ports: Ports) -> None:
    settings = (
        "management.tcp.ip = 127.0.0.1",
        f"management.tcp.port = {ports.management}",
        "log.file.level = warning",
        "collect_statistics_interval = 200",  # ms; the tests look for connections to close
        # A sample each second, where a rate is told after two of them: by default it is one in five.
        *(f"management.sample_retention_policies.{kept}.minute = 1" for kept in ("global", "basic", "detailed")),
        "disk_free_limit.absolute = 100MB",
        "vm_memory_high_watermark.absolute = 512MiB",
    )
    cookie = folder / ".erlang.cookie"
    if not cookie.exists():
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
    (folder / "rabbitmq.conf").write_text("\n".join(settings) + "\n")
    (folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
    (folder / "env.conf").touch()


def _environment(folder: Path, ports: Ports) -> Iterator[tuple[str, str]]:
    yield "HOME", str(folder)  # the cookie is looked for there
    yield "RABBITMQ_CONF_ENV_FILE", str(folder / "env.conf")  # not the machine's own
    yield "RABBITMQ_NODENAME", f"pulse_{ports.amqp}@localhost"
    yield "RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1"
    yield "RABBITMQ_NODE_PORT", str(ports.amqp)
    yield "RABBITMQ_DIST_PORT", str(ports.distribution)
    yield "RABBITMQ_MNESIA_BASE", str(folder / "mnesia")
    yield "RABBITMQ_LOG_BASE", str(folder / "log")
    yield "RABBITMQ_PID_FILE", str(folder / "pid")
    yield "RABBITMQ_CONFIG_FILE", str(folder / "rabbitmq.conf")
    yield "RABBITMQ_ADVANCED_CONFIG_FILE", str(folder / "advanced.config")
    yield "RABBITMQ_GENERATED_CONFIG_DIR", str(folder / "generated")
    yield "RABBITMQ_ENABLED_PLUGINS_FILE", str(folder / "enabled_plugins")
    yield "RABBITMQ_FEATURE_FLAGS_FILE", str(folder / "feature_flags")
    yield "ERL_EPMD_PORT", str(ports.epmd)
    yield "ERL_EPMD_ADDRESS", "127.0.0.1"
    yield "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}"
    yield "RUNNING_UNDER_SYSTEMD", "true"  # the script then becomes the server instead of a parent of it
