"""A mail server that keeps what it is sent: as much SMTP as a client needs.

Source: https://www.rfc-editor.org/rfc/rfc5321
"""

import socketserver
from collections.abc import Collection
from email import message_from_bytes, policy
from email.message import EmailMessage

from tests.support.serving import Serving


class MailServer(Serving):
    """Listens on a loopback port within a `with` block. It refuses the ``refused`` recipients."""

    def __init__(self, refused: Collection[str] = ()) -> None:
        self.received: list[EmailMessage] = []
        self.recipients: list[str] = []
        self._refused = refused
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        server.daemon_threads = True
        super().__init__(server)

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
