"""What a request may say: query parameters and JSON bodies, each declared as a form. Nothing else is taken."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rest_framework import serializers

from pulse.numbers import LARGEST_ID

LARGEST_PAGE = 1000
_LONGEST_SHOWN = 100


class Form(serializers.Serializer[Any]):
    """Base of all forms. Unknown names are refused, and what is said of a bad value names it."""

    def to_internal_value(self, data: Any) -> Any:
        errors = self._unknown(data) if isinstance(data, Mapping) else {}
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not isinstance(data, Mapping) or not isinstance(error.detail, dict):
                raise
            errors |= {name: self._naming(name, data, found) for name, found in error.detail.items()}
        if errors:
            raise serializers.ValidationError(errors)
        return value

    def known(self) -> list[str]:
        """The names that may be given."""
        return list(self.fields)

    def _unknown(self, data: Mapping[str, Any]) -> dict[str, Any]:
        known = self.known()
        unknown = [str(name) for name in data if name not in known]
        return {name: [f"is unknown; known are: {', '.join(known) or 'none'}"] for name in unknown}

    def _naming(self, name: str, data: Mapping[str, Any], found: Any) -> Any:
        """The field's messages with its value before each. A secret, and what was not given, is not named."""
        field = self.fields.get(name)
        if name not in data or (field and field.write_only):
            return found
        if isinstance(found, Mapping) and isinstance(field, serializers.DictField | serializers.ListField):
            return {key: _named(data[name][key], messages) for key, messages in found.items()}
        return _named(data[name], found)


def _named(value: Any, found: Any) -> Any:
    """The messages with the value before each; what a form in the form found names its values itself."""
    if isinstance(found, Mapping):
        return found
    return [message if isinstance(message, Mapping) else f"{shown(value)}: {message}" for message in found]


def shown(value: Any) -> str:
    """The value as JSON, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


class IdField(serializers.IntegerField):
    """The id of a row."""

    def __init__(self, **more: Any) -> None:
        super().__init__(min_value=1, max_value=LARGEST_ID, **more)


class OneOfField(serializers.ChoiceField):
    """One of a few words; the message lists them."""

    def __init__(self, choices: Iterable[str], **more: Any) -> None:
        words = [str(choice) for choice in choices]
        super().__init__(words, error_messages={"invalid_choice": f"is none of: {', '.join(words)}"}, **more)


class NamesField(serializers.CharField):
    """Some of a few names, separated by commas; the message lists them."""

    def __init__(self, names: Iterable[str], **more: Any) -> None:
        self._names = tuple(names)
        super().__init__(max_length=2000, **more)

    def to_internal_value(self, data: Any) -> Any:
        wanted = [name.strip() for name in super().to_internal_value(data).split(",")]
        unknown = [name for name in wanted if name not in self._names]
        if unknown:
            raise serializers.ValidationError(f"{shown(unknown[0])} is none of: {', '.join(self._names)}")
        return wanted


def limit_field() -> serializers.IntegerField:
    """How many rows at most."""
    return serializers.IntegerField(min_value=1, max_value=LARGEST_PAGE, default=100)


class PageForm(Form):
    """The parameters of a list that comes in pages."""

    cursor = serializers.CharField(required=False)
    limit = limit_field()


class IntegrationForm(Form):
    """Names the integration, of the caller's tenant, that the request is about."""

    integration_id = IdField()
