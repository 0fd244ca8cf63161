"""The web process: daphne, started from a command."""

from daphne.server import Server


def serve_until_interrupted(host: str, port: int) -> None:
    """Serves Pulse's pages and sockets on that address, until SIGTERM or Ctrl-C."""
    from pulse.asgi import application  # imported late: it sets Django up

    Server(application, endpoints=[f"tcp:port={port}:interface={host}"], signal_handlers=True).run()
