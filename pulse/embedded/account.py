"""Under which user id the server runs. PostgreSQL refuses to run as root, so for root it is another one."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from .errors import EmbeddedPostgresError

UNPRIVILEGED = "nobody"
OTHERS_MAY_RUN = stat.S_IROTH | stat.S_IXOTH
CAPABILITY_BITS = {"dac_override": 1, "dac_read_search": 2}  # linux/capability.h


@dataclass(frozen=True)
class Account:
    """The user and group id of the server's processes."""

    uid: int
    gid: int

    def give(self, path: Path) -> None:
        """Make the account the owner of `path`."""
        if self.uid != path.stat().st_uid:
            os.chown(path, self.uid, self.gid)

    def prefix(self, program: Path, *folders: Path) -> list[str]:
        """Return the start of a command line that runs `program` under this account.

        `folders` are what it must be able to reach besides; all paths are absolute.
        """
        if self.uid == os.geteuid():
            return []
        change = ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]
        runnable = program.stat().st_mode & OTHERS_MAY_RUN == OTHERS_MAY_RUN
        if runnable and all(_open_to_all(path) for path in (program, *folders)):
            return change
        # Something lies below a closed folder, /root for instance. Rather than open it for everyone, the server
        # keeps the one capability that lets it pass. access(2), by which PostgreSQL looks at its own program file,
        # honours capabilities of a user other than root only under no_setuid_fixup.
        kept = _capability_to_pass(runnable)
        return [*change, f"--inh-caps=+{kept}", f"--ambient-caps=+{kept}", "--securebits=+no_setuid_fixup"]


def account_for(data: Path) -> Account:
    """Return the account for the data folder `data`, which may not exist yet."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    if data.exists() and (owner := data.stat()).st_uid != 0:
        # Root on the data of an ordinary user: serve them as that user, who can go on alone afterwards.
        return Account(owner.st_uid, owner.st_gid)
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError as error:
        raise EmbeddedPostgresError(
            f"PostgreSQL cannot run as root and there is no user {UNPRIVILEGED!r} to run it as: "
            "start Pulse as an ordinary user."
        ) from error
    return Account(entry.pw_uid, entry.pw_gid)


def _open_to_all(path: Path) -> bool:
    """Tell whether every user may pass through the folders above `path`."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents)


def _capability_to_pass(runnable: bool) -> str:
    """Choose the capability that leads the server into closed folders, and to a program it may not run as it is."""
    status = Path("/proc/self/status").read_text()
    effective = int(status.partition("CapEff:")[2].split()[0], 16)
    held = [name for name, bit in CAPABILITY_BITS.items() if effective >> bit & 1]
    # The lesser one passes and reads. Files installed under umask 077 take the other, which is also what
    # containers leave to root.
    wanted = "dac_read_search" if runnable and "dac_read_search" in held else "dac_override"
    if wanted not in held:
        raise EmbeddedPostgresError(
            "PostgreSQL cannot run as root, and another user cannot get to its files: move Pulse and PULSE_HOME to "
            "a folder that everyone may pass through, or start Pulse as an ordinary user."
        )
    return wanted
