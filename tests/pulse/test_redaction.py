"""What is logged and stored of requests and errors holds no secret, and all else of it is as it was."""

import io
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings

from etl.extraction.storage import Origin, store_answer
from etl.models import RawExtractionData
from etl.queue.outcomes import clean_reason
from integrations.models import Integration
from pulse.redaction import Redacted, redacted, redacted_json
from tests.support.making import ISSUES, a_run, an_integration

LOGGING: dict[str, Any] = settings.LOGGING
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoxfQ.4pcPyMD09olPSyXnrXCjTwXyr4BsezdI1AVTmud2fU4"
KEY = "pk_abcd1234_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4"
GITHUB = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\ns3cret\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("line", "left"),
    [
        (f"GET /x Authorization: Bearer {JWT}", "GET /x Authorization: …"),
        (f"asked with Bearer {JWT} twice", "asked with Bearer … twice"),
        ("Basic ZGVtb0BleGFtcGxlLmNvbTpzM2NyZXQ= refused", "Basic … refused"),
        (f"Api-Key {KEY} has expired", "Api-Key … has expired"),
        (f"no such key {KEY}", "no such key …"),
        (f"git clone with {GITHUB}", "git clone with …"),
        ("X-Internal-Auth: s3cret-of-services", "X-Internal-Auth: …"),
        ("Cookie: sessionid=s3cret; csrftoken=s3cret2", "Cookie: …"),
        ("{'Authorization': 'Basic s3cret', 'Accept': 'x'}", "{'Authorization': '…', 'Accept': 'x'}"),
        ('{"username": "ada", "password": "s3 cret"}', '{"username": "ada", "password": "…"}'),
        ("{'api_token': 's3cret', 'projects': 'PAY'}", "{'api_token': '…', 'projects': 'PAY'}"),
        ("GET https://site.test/x?jql=a&access_token=s3cret&limit=5", "GET https://site.test/x?jql=a&access_token=…&limit=5"),
        ("GET /ws/job/1?token=s3cret HTTP/1.1", "GET /ws/job/1?token=… HTTP/1.1"),
        ("client_secret=s3cret refresh_token=s3cret", "client_secret=… refresh_token=…"),
        ("amqp://etl_user:s3cret@mq:5672/pulse is away", "amqp://…@mq:5672/pulse is away"),
        ("POST /app/etl/webhooks/jira/7/s3cret/more 403", "POST /app/etl/webhooks/jira/7/… 403"),
        (f"the key {PEM} is refused", "the key … is refused"),
    ],
)  # fmt: skip
def test_secrets_are_hidden_and_the_rest_is_left(line: str, left: str) -> None:
    assert redacted(line) == left
    assert redacted(left) == left


@pytest.mark.parametrize(
    "line",
    [
        "GET search/jql?nextPageToken=CAEaAggD&maxResults=50 answered 429: wait 30 s",
        "setting 'api_token' of jira is a secret: give it as one",
        "the access token does not hold: Token is expired",
        "custom-fields/mapping: key PAY-1 of https://acme.atlassian.net/rest/api/3/issue is gone",
        "issue 'PAY-7': \"customfield_10001\": team is unknown (status 400)",
        "tokens: 12 of 40 used; password resets are off; the cookie has expired",
        "mail to ada@example.com: basic authentication needed",
    ],
)
def test_what_is_no_secret_is_left(line: str) -> None:
    assert redacted(line) == line


def test_json_loses_what_stands_under_a_secret_name_at_any_depth() -> None:
    said = {
        "url": "https://u:s3cret@site.test/x",
        "headers": {"Authorization": ["Basic s3cret"], "Accept": "x"},
        "tries": [{"API_KEY": 12345, "nextPageToken": "CAEaAggD"}],
        "cursor": {"token": "CAEaAggD"},
        "token": None,
        "ok": True,
    }

    assert redacted_json(said) == {
        **said,
        "url": "https://…@site.test/x",
        "headers": {"Authorization": "…", "Accept": "x"},
        "tries": [{"API_KEY": "…", "nextPageToken": "CAEaAggD"}],
    }


def test_what_is_stored_of_requests_and_errors_has_no_secret(integration: Integration) -> None:
    run = a_run(integration)
    origin = Origin(run.tenant_id, integration.pk, run.pk, ISSUES)
    said = {"url": "https://u:s3cret@site.test/x", "headers": {"Authorization": "Basic s3cret"}}
    row = RawExtractionData.objects.get(pk=store_answer(origin, "jira_issues", "1", b'{"password": "its own"}', said))

    assert (row.raw_data, row.extraction_metadata["headers"]) == ({"password": "its own"}, {"Authorization": "…"})
    assert "s3cret" not in str(row.extraction_metadata)
    assert clean_reason(f"Permanent: asked with Bearer {JWT}") == "Permanent: asked with Bearer …"


@pytest.fixture
def integration(db: None) -> Integration:
    return an_integration()


@pytest.fixture
def printed() -> Iterator[io.StringIO]:
    """What the handler of the settings prints."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(LOGGING["formatters"]["line"]["format"]))
    handler.addFilter(Redacted(LOGGING["filters"]["redacted"]["known"]))
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def test_arguments_tracebacks_and_the_installations_own_keys_are_hidden_in_lines(printed: io.StringIO) -> None:
    logger = logging.getLogger("django.request")
    logger.warning("Forbidden: %s", "/app/etl/webhooks/jira/7/s3cret")
    logger.error("key %(api_key)s is used", {"api_key": settings.SECRET_KEY})
    logger.error("%d of it", "no number, password=s3cret")
    try:
        raise ValueError(f"refused: {JWT}")
    except ValueError:
        logger.exception("a request failed")

    lines = printed.getvalue()
    assert "Forbidden: /app/etl/webhooks/jira/7/…" in lines
    assert "ValueError: refused: …" in lines
    assert "Traceback" in lines
    assert "s3cret" not in lines
    assert settings.SECRET_KEY not in lines
    assert JWT not in lines


def test_every_handler_of_the_settings_has_the_filter() -> None:
    handlers = LOGGING["handlers"]

    assert [name for name, handler in handlers.items() if handler.get("filters") != ["redacted"]] == []
    assert logging.getLogger("django").handlers == []
