"""Settings from the environment, whose errors name the setting."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from pulse.hosts import AllowedHosts


class Environment(environ.Env):  # type: ignore[misc]
    """Raises ImproperlyConfigured for what cannot be read."""

    def get_value(self, var: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().get_value(var, *args, **kwargs)
        except ValueError as error:
            raise ImproperlyConfigured(f"{var}: {error}") from error

    def db_url(self, var: str, *args: Any, **kwargs: Any) -> Any:
        with _address(var):
            return super().db_url(var, *args, **kwargs)

    def email_url(self, var: str, *args: Any, **kwargs: Any) -> Any:
        with _address(var):
            return super().email_url(var, *args, **kwargs)

    def allowed_hosts(self, var: str) -> AllowedHosts:
        try:
            return AllowedHosts.of(*filter(None, self.list(var, default=[])))
        except ValueError as error:
            raise ImproperlyConfigured(f"{var}: {error}") from error


@contextmanager
def _address(name: str) -> Iterator[None]:
    """What is said of an address that cannot be read may be a part of its password."""
    try:
        yield
    except (ValueError, ImproperlyConfigured):
        raise ImproperlyConfigured(f"{name} is no address that can be read: see .env.example") from None
