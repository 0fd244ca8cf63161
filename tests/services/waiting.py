"""Waiting for a condition with a bound, instead of sleeping and hoping."""

import socket
import time
from collections.abc import Callable

STEP_SECONDS = 0.01


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether ``condition`` became true within ``seconds``; looks again every 10 ms."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(STEP_SECONDS)
    return True


def amqp_answers(port: int) -> bool:
    """Whether a server at this loopback port answers the AMQP 0-9-1 greeting with a method frame."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"AMQP\x00\x00\x09\x01")
            return connection.recv(1) == b"\x01"
    except OSError:
        return False
