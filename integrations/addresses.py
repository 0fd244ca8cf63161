"""Addresses that people write into settings."""

from urllib.parse import SplitResult, urlsplit

from integrations.errors import Permanent


def checked_address(name: str, text: str, example: str, credentials: str) -> SplitResult:
    """The parts of a site's address. Raises Permanent, naming the setting and its value, where it cannot be one.

    ``credentials`` are the settings for what some people write before the host.
    """
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise Permanent(f"setting {name} is {text!r}: {error}") from None
    if parts.username or parts.password:
        raise Permanent(f"setting {name} holds a user or password before the host {host!r}: use {credentials}")
    whole = parts.scheme in ("http", "https") and host and not parts.query and not parts.fragment
    if not whole or any(character.isspace() for character in text):
        raise Permanent(f"setting {name} is {text!r}: expected an address like {example}")
    return parts
