"""Which settings say who we are."""

import pytest

from integrations.errors import Permanent
from integrations.provider import Connection
from integrations.providers.github.auth import checked_credentials
from integrations.sandbox.github.callers import GitHubApp

APP = {"app_id": "1048577", "installation_id": "6100000001"}
KEY = GitHubApp().private_key


def connection(settings: dict[str, str], secrets: dict[str, str]) -> Connection:
    return Connection(1, "GitHub", settings, secrets)


@pytest.mark.parametrize(
    "token", ["ghp_abc", "github_pat_1_x", "0123456789abcdef0123456789abcdef01234567", " ghp_abc\n"]
)
def test_a_token_is_sent_as_it_is(token: str) -> None:
    found = checked_credentials(connection({}, {"token": token}))
    assert found.headers == {"Authorization": f"Bearer {token.strip()}"}
    assert found.renewed is None
    assert token.strip() not in repr(found)


def test_an_app_mints_its_token_and_goes_before_one_that_was_given_once() -> None:
    found = checked_credentials(connection(APP, {"app_private_key": KEY, "token": "ghp_abc"}))
    assert found.headers == {}
    assert found.renewed is not None


def test_a_key_that_was_given_once_does_not_stand_in_the_way_of_a_token() -> None:
    assert checked_credentials(connection({}, {"app_private_key": KEY, "token": "ghp_abc"})).renewed is None


@pytest.mark.parametrize(
    ("settings", "secrets", "said"),
    [
        ({}, {}, "setting token is empty: GitHub asks for a personal access token, or for an App's app_id"),
        ({}, {"token": "Bearer ghp_s3cret"}, "setting token begins with a word that is no part of it"),
        ({}, {"token": "token ghp_s3cret"}, "setting token begins with a word that is no part of it"),
        ({}, {"token": "ghp_s3cret twice"}, "setting token holds characters that no token has"),
        ({}, {"token": "ghp_s3crét"}, "setting token holds characters that no token has"),
        ({}, {"app_private_key": "x"}, "setting app_id is empty, but app_private_key is given"),
        ({"installation_id": "1"}, {}, "setting app_id is empty, but installation_id is given"),
        ({"app_id": "1"}, {"token": "ghp_abc"}, "setting installation_id is empty: a GitHub App takes app_id"),
        (APP, {"token": "ghp_abc"}, "setting app_private_key is empty: a GitHub App takes app_id"),
        ({**APP, "app_id": "pulse"}, {"app_private_key": "x"}, "setting app_id is 'pulse': expected the App ID"),
        (
            {**APP, "installation_id": "https://github.com/organizations/acme/settings/installations/61"},
            {"app_private_key": "x"},
            "setting installation_id is 'https://github.com/organizations/acme/settings/installations/61': expected",
        ),
        (APP, {"app_private_key": "s3cret"}, "setting app_private_key holds no private key: give the whole .pem file"),
    ],
)
def test_settings_that_are_missing_or_wrong_are_named(
    settings: dict[str, str], secrets: dict[str, str], said: str
) -> None:
    with pytest.raises(Permanent) as caught:
        checked_credentials(connection(settings, secrets))
    assert said in str(caught.value)
    assert "s3cr" not in str(caught.value)


def test_the_client_id_of_an_app_is_taken_for_its_id() -> None:
    settings = {**APP, "app_id": GitHubApp().client_id}
    assert checked_credentials(connection(settings, {"app_private_key": KEY})).renewed is not None
