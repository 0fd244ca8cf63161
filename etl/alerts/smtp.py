"""Django's way to a mail server, which ends: a server that sends a byte now and then never meets a socket's timeout."""

import smtplib
import socket
import threading
from contextlib import suppress

from django.core.mail.backends import smtp

# From the connection to the last answer, whatever the server does meanwhile.
SEND_SECONDS = 30


class _Bounded(smtplib.SMTP):
    """A connection that is cut off after SEND_SECONDS, also while it is encrypted or greeted."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        made: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        # Encryption takes the socket itself over. The copy is of the same connection.
        self._copy = made.dup()
        self._end = threading.Timer(SEND_SECONDS, self._cut)
        self._end.daemon = True
        self._end.start()
        return made

    def _cut(self) -> None:
        # It may have been closed at this moment, by either side.
        with suppress(OSError), self._copy:
            self._copy.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._end.cancel()
        self._copy.close()
        super().close()


class _BoundedSsl(smtplib.SMTP_SSL, _Bounded):
    """The same, encrypted from its beginning."""


class EmailBackend(smtp.EmailBackend):
    """Named in no setting: `etl.alerts.mail` takes it in the place of Django's."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _BoundedSsl if self.use_ssl else _Bounded
