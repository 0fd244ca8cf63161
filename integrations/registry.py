"""Providers register by name; each folder in ``integrations/providers`` is found by itself."""

import importlib
import pkgutil
from functools import cache

from integrations import providers
from integrations.provider import Provider

_registered: dict[str, type[Provider]] = {}


class UnknownProvider(LookupError):
    """No provider has that name."""


def register(provider: type[Provider]) -> type[Provider]:
    """Class decorator: makes a provider known under its ``name``."""
    _registered[provider.name] = provider
    return provider


@cache
def _load_all() -> None:
    for module in pkgutil.iter_modules(providers.__path__):
        importlib.import_module(f"{providers.__name__}.{module.name}.provider")


def provider_names() -> list[str]:
    _load_all()
    return sorted(_registered)


@cache
def get_provider(name: str) -> Provider:
    """The provider of that name, in any case. Raises UnknownProvider, which lists the known ones."""
    _load_all()
    found = _registered.get(name.lower())
    if found is None:
        raise UnknownProvider(f"provider {name!r} is unknown; known are: {', '.join(provider_names())}")
    return found()
