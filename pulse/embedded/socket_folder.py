"""Where the server's unix socket lies: there is no TCP port that another user could knock at."""

import hashlib
import stat
from pathlib import Path

from .account import Account
from .errors import EmbeddedPostgresError

PORT = 5432  # only part of the socket's name
LONGEST_PATH_BYTES = 100  # the kernel takes 107, other systems 103
# Not tempfile.gettempdir(): with another TMPDIR a second process would not find the running server.
SHORT_ROOT = Path("/tmp")  # noqa: S108 - sockets need short paths; what is made there is private


def socket_folder(folder: Path) -> Path:
    """Return the place for the socket of the server that lives in `folder`, always the same for the same folder."""
    near = folder / "socket"
    # A comma would make two hosts of it.
    if len(bytes(near / f".s.PGSQL.{PORT}")) < LONGEST_PATH_BYTES and "," not in str(near):
        return near
    digest = hashlib.sha256(bytes(folder)).hexdigest()[:16]
    return SHORT_ROOT / f"pulse-postgres-{digest}"


def prepare(path: Path, account: Account) -> None:
    """Create the socket's folder for `account` alone, or check that it is so."""
    try:
        path.mkdir(mode=0o700)
        account.give(path)
    except FileExistsError:
        # The name under /tmp can be guessed: someone else may have made it to listen in our place.
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid or stat.S_IMODE(found.st_mode) != 0o700:
            raise EmbeddedPostgresError(
                f"{path} must be a folder of user id {account.uid} with mode 0700; remove it and try again."
            ) from None
