"""What a channel may be, and what of it is shown."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from etl.models import AlertChannel

WEBHOOK = {"kind": "webhook", "target": "https://hooks.example.com/services/T0/B0/x?thread=1"}
EMAIL = {"kind": "email", "target": "ada@acme.test, bob@acme.test"}


@pytest.mark.parametrize(
    "fields",
    [
        WEBHOOK,
        {**WEBHOOK, "causes": ["run_failed", "no_consumer"], "secrets": {"key": "k3y"}},
        {**WEBHOOK, "target": " http://chat.internal:8065/hooks/1 "},
        EMAIL,
    ],
)
def test_a_good_channel_is_accepted(fields: dict[str, Any]) -> None:
    AlertChannel(**fields).clean()


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({**WEBHOOK, "target": "hooks.example.com/x"}, "target", "'hooks.example.com/x': expected an address"),
        ({**WEBHOOK, "target": "ftp://example.com/x"}, "target", "expected an address"),
        ({**WEBHOOK, "target": "https://ada:pass@example.com/x"}, "target", "user or password before the host"),
        ({**EMAIL, "target": "ada@acme.test, bob"}, "target", "'bob': not an address of e-mail"),
        ({**EMAIL, "target": " , "}, "target", "target is empty"),
        ({**WEBHOOK, "causes": ["run_failed", "rain"]}, "causes", "'rain': known are run_failed"),
        ({**WEBHOOK, "causes": "run_failed"}, "causes", "expected a list"),
        ({**WEBHOOK, "secrets": {"token": "x"}}, "__all__", "'token' is unknown"),
        ({**EMAIL, "secrets": {"key": "x"}}, "__all__", "by e-mail takes none"),
    ],
)
def test_a_channel_that_cannot_work_is_refused_with_field_and_value(
    fields: dict[str, Any], field: str, said: str
) -> None:
    with pytest.raises(ValidationError) as error:
        AlertChannel(**fields).clean()
    found = error.value.message_dict if hasattr(error.value, "error_dict") else {"__all__": error.value.messages}
    assert said in found[field][0]


def test_of_a_webhook_only_the_host_is_shown() -> None:
    assert AlertChannel(**WEBHOOK).shown_target == "https://hooks.example.com/…"
    assert (
        AlertChannel(kind="webhook", target="http://a:b@chat.internal:8065").shown_target == "http://chat.internal:8065"
    )
    assert AlertChannel(**EMAIL).shown_target == "ada@acme.test, bob@acme.test"
