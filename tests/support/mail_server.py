"""A mail server that keeps what it is sent: as much SMTP as a client needs.

Source: https://www.rfc-editor.org/rfc/rfc5321
"""

import socketserver
import threading
from collections.abc import Collection
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self


class MailServer:
    """Listens on a loopback port within a `with` block. It refuses the ``refused`` recipients."""

    def __init__(self, refused: Collection[str] = ()) -> None:
        self.received: list[EmailMessage] = []
        self.recipients: list[str] = []
        self._refused = refused
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, line: str) -> str:
        """To a command; what is no recipient is welcome."""
        if line.upper().startswith("RCPT"):
            recipient = line.partition("<")[2].rstrip(">")
            if recipient in self._refused:
                return "550 no such mailbox"
            self.recipients.append(recipient)
        return {"DATA": "354 go on", "QUIT": "221 bye"}.get(line.upper(), "250 fine")

    def keep(self, data: bytes) -> None:
        self.received.append(message_from_bytes(data, policy=policy.default))

    def _handler(self) -> type[socketserver.StreamRequestHandler]:
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self._say("220 ready")
                while line := self.rfile.readline().decode().strip():
                    self._say(server.answer(line))
                    if line.upper() == "DATA":
                        server.keep(b"".join(iter(self.rfile.readline, b".\r\n")))
                        self._say("250 kept")

            def _say(self, text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())

        return Handler
