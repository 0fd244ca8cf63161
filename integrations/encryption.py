"""Secrets at rest: a JSON field whose column holds nothing but a Fernet token."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


def cipher() -> MultiFernet:
    """Encrypts with the first of the installation's keys, and decrypts with any of them."""
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
            found: dict[str, str] = json.loads(cipher().decrypt(value.encode()))
        except InvalidToken as error:
            raise ImproperlyConfigured(
                "PULSE_ENCRYPTION_KEYS holds no key that can read the stored secrets of an integration"
            ) from error
        return found

    def to_python(self, value: dict[str, str]) -> dict[str, str]:
        return value

    def get_prep_value(self, value: dict[str, str] | None) -> str:
        return cipher().encrypt(json.dumps(value or {}).encode()).decode()

    def value_to_string(self, obj: models.Model) -> str:
        """What serialisers get: the encrypted text, so that a dump holds no secret."""
        return self.get_prep_value(self.value_from_object(obj))


def encrypted_columns() -> Iterator[tuple[type[models.Model], EncryptedJSONField]]:
    """Every column there is that holds secrets."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, EncryptedJSONField):
                yield model, field
