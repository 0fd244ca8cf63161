"""Secrets at rest: a JSON field whose column holds nothing but a Fernet token."""

import json
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


def _cipher() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.PULSE_ENCRYPTION_KEYS])


if TYPE_CHECKING:
    _Text = models.TextField[dict[str, str], dict[str, str]]
else:
    _Text = models.TextField


class EncryptedJSONField(_Text):
    """A small dictionary of secrets. In Python it is the dictionary, in the database an encrypted text."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> dict[str, str]:
        if not value:
            return {}
        try:
            found: dict[str, str] = json.loads(_cipher().decrypt(value.encode()))
        except InvalidToken as error:
            raise ImproperlyConfigured(
                "PULSE_ENCRYPTION_KEYS holds no key that can read the stored secrets of an integration"
            ) from error
        return found

    def to_python(self, value: dict[str, str]) -> dict[str, str]:
        return value

    def get_prep_value(self, value: dict[str, str] | None) -> str:
        return _cipher().encrypt(json.dumps(value or {}).encode()).decode()

    def value_to_string(self, obj: models.Model) -> str:
        """What serialisers get: the encrypted text, so that a dump holds no secret."""
        return self.get_prep_value(self.value_from_object(obj))
