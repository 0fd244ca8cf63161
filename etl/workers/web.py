"""The web process: daphne, started from a command."""

import signal
import socket
from pathlib import Path

from daphne.server import Server
from django.conf import settings

from pulse.postgres.scope import nobody_scope


def ensure_free(host: str, port: int) -> None:
    """Raises OSError, naming the address, where nobody could listen there: daphne would only log it, and end well."""
    if not 0 < port < 65536:
        raise OSError(f"cannot listen on {host}:{port}: a port is a number from 1 to 65535")
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise OSError(f"cannot listen on {host}:{port}: {error.strerror}") from error


def serve_until_interrupted(host: str, port: int) -> None:
    """Serves Pulse's pages and sockets on that address, until SIGTERM or Ctrl-C."""
    # Where a collected tree of static files would be: whitenoise warns of a missing one, and finds them without it.
    Path(settings.STATIC_ROOT).mkdir(exist_ok=True)
    from pulse.asgi import application  # imported late: it sets Django up, and whitenoise looks for its files

    # Twisted takes Ctrl-C only where nobody else has.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # The command has the rights of the tables' owner; who asks here is nobody yet.
    with nobody_scope():
        Server(application, endpoints=[f"tcp:port={port}:interface={host}"], signal_handlers=True).run()
