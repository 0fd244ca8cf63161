"""The installation's own keys where none are set: made once, kept in the embedded profile's folder."""

import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet


def _kept(path: Path, fresh: str) -> str:
    """The text kept at that path, or the fresh one, written there for its owner alone. Safe when two processes race."""
    try:
        return path.read_text()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(fresh)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text()


def secret_key(home: Path) -> str:
    """Django's secret key of this installation."""
    return _kept(home / "secret_key", secrets.token_urlsafe(64))


def encryption_key(home: Path) -> str:
    """The Fernet key that encrypts the secrets of this installation's integrations."""
    return _kept(home / "encryption_key", Fernet.generate_key().decode())
