"""What errors of GraphQL mean, and what a person is told of them."""

from typing import Any

import pytest

from integrations.providers.github.refusals import at_a_path, errors_of, explained


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"type": "NOT_FOUND", "path": ["repository"], "message": "none"}, True),
        ({"type": "FORBIDDEN", "path": ["repository", "pullRequests"], "message": "no"}, True),
        ({"type": "FORBIDDEN", "message": "no"}, False),
        ({"type": "FORBIDDEN", "path": [], "message": "no"}, False),
        ({"type": "RATE_LIMITED", "path": ["repository"], "message": "wait"}, False),
        ({"message": "Field 'x' doesn't exist", "path": ["query", "x"]}, False),
    ],
)
def test_only_what_does_not_exist_or_may_not_be_seen_concerns_a_path(error: dict[str, Any], expected: bool) -> None:
    assert at_a_path(error) is expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, []),
        ({"errors": None}, []),
        ({"errors": []}, []),
        ({"errors": [{"message": "a"}, "b", None]}, [{"message": "a"}, {"message": "b"}, {"message": "None"}]),
        ({"errors": {"a": 1}}, [{"a": 1}]),
        ({"errors": "down"}, [{"message": "down"}]),
    ],
)
def test_errors_are_read_in_whatever_shape_they_come(content: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    assert errors_of(content) == expected


SAML = "Resource protected by organization SAML enforcement. You must grant your token access to this organization."
SIGN_ON = " (authorise the token for the organisation's single sign-on: under Configure SSO, where the site lists"
PERMIT = " (it needs the permissions to read Metadata, Contents and Pull requests)"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ({"message": SAML}, f"{SAML}{SIGN_ON} your tokens)"),
        ({"message": "Protected", "extensions": {"saml_failure": True}}, f"Protected{SIGN_ON} your tokens)"),
        ({"message": "Protected", "extensions": {"saml_failure": False}}, "Protected"),
        ({"message": "Resource not accessible by integration"}, f"Resource not accessible by integration{PERMIT}"),
        ({"message": "Could not resolve to a Repository"}, "Could not resolve to a Repository"),
        ({}, "an error without a message"),
        ({"message": None, "extensions": []}, "an error without a message"),
    ],
)
def test_an_error_says_what_to_do_about_it(error: dict[str, Any], said: str) -> None:
    assert explained(error) == said
