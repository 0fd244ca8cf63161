"""Webhooks through the web process that the image starts."""

import json
from collections.abc import Iterator

import httpx
import pytest
from django.conf import settings
from pytest_django import DjangoDbBlocker

from etl.api.webhooks import MOST_BYTES
from etl.models import ExtractionCheckpoint, RawExtractionData
from integrations.models import Integration
from tests.services.waiting import wait_until
from tests.support.deliveries import SECRET, delivery, encoded, signed
from tests.support.installations import installation
from tests.support.making import an_integration
from tests.support.processes import Running, answers, free_port

# What a person may give: no slash, so that it looks the same in a path.
PLAIN = SECRET.replace(" / ", "-")


@pytest.fixture
def web(django_db_blocker: DjangoDbBlocker) -> Iterator[tuple[Running, str]]:
    """(the process, its address); the test's own queries go to its database."""
    lines = (settings.BASE_DIR / "deploy/Dockerfile").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith('CMD ["daphne"')]
    command, port = json.loads(line.removeprefix("CMD ")), str(free_port())
    local = [{"0.0.0.0": "127.0.0.1", "8000": port}.get(part, part) for part in command]
    with installation(django_db_blocker) as made:
        process = made.start_python("-m", *local)
        assert wait_until(lambda: answers(int(port)), 60), process.errors
        with made.entered(django_db_blocker):
            yield process, f"http://127.0.0.1:{port}/app/etl/webhooks/jira"


def connected(secret: str) -> Integration:
    made = an_integration()
    made.secrets = {**made.secrets, "webhook_secret": secret}
    made.save()
    return made


def chunks(body: bytes) -> Iterator[bytes]:
    yield body[:100]
    yield body[100:]


def test_deliveries_are_taken_and_no_secret_is_printed(web: tuple[Running, str]) -> None:
    process, address = web
    integration, body = connected(PLAIN), encoded(delivery())
    first, second = encoded(delivery(timestamp=1)), encoded(delivery(timestamp=2))
    signed_path, secret_path = f"{address}/{integration.pk}", f"{address}/{integration.pk}/{PLAIN}"
    with httpx.Client(trust_env=False) as client:
        codes = [
            client.post(path, content=content, headers=headers).status_code
            for path, content, headers in (
                (signed_path, first, signed(first, PLAIN)),
                # Without a length, as clients may.
                (signed_path, chunks(second), signed(second, PLAIN)),
                (secret_path, body, {}),
                (secret_path, b"Hello, World!", {}),
                (f"{secret_path}x", body, {}),
                (secret_path, b" " * (MOST_BYTES + 1), {}),
            )
        ]

    assert codes == [202, 202, 202, 400, 403, 413]
    assert RawExtractionData.objects.count() == 3
    assert ExtractionCheckpoint.objects.filter(status="pending").count() == 1
    printed = process.out + process.errors
    assert "Bad Request" in printed
    assert PLAIN not in printed
