"""`integrations/{id}/logo`: up and down again."""

import pytest

from integrations.models import Integration, IntegrationLogo
from pulse.pictures import MOST_BYTES
from pulse.tenancy.models import AuditEntry, Role
from tests.etl.api.callers import Caller, member
from tests.support.pictures import opened, picture


@pytest.fixture
def boss(integration: Integration) -> Caller:
    """An administrator of the integration's tenant."""
    return Caller(member("ada", integration.tenant, Role.ADMINISTRATOR))


@pytest.fixture
def path(integration: Integration) -> str:
    return f"integrations/{integration.pk}/logo"


def test_a_logo_is_kept_given_back_replaced_and_taken_away(boss: Caller, caller: Caller, path: str) -> None:
    assert boss.upload("PUT", path, picture("JPEG", (20, 10)), "image/jpeg").json()["has_logo"] is True
    first = caller.get(path)
    assert boss.upload("PUT", path, picture("WEBP"), "image/webp").status_code == 200
    second = caller.get(path)
    gone = boss.delete(path)

    assert (first.status_code, first.headers["Content-Type"]) == (200, "image/jpeg")
    assert opened(first.content).size == (20, 10)
    assert second.headers["Content-Type"] == "image/webp"
    assert gone.json()["has_logo"] is False
    assert (caller.get(path).status_code, list(caller.get(path).json()["errors"])) == (404, ["logo"])
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True)) == [
        "integration.logo_created", "integration.logo_changed", "integration.logo_deleted",
    ]  # fmt: skip


def test_nothing_in_a_logo_is_run_by_a_browser(boss: Caller, path: str) -> None:
    boss.upload("PUT", path, picture(), "image/png")

    headers = boss.get(path).headers

    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", 400),
        (b"", "image/png", 400),
        (b"{}", "application/json", 415),
        (picture(), "application/octet-stream", 415),
        (bytes(MOST_BYTES + 1), "image/png", 413),
    ],
    ids=["svg", "nothing", "json", "any bytes", "too many"],
)
def test_what_is_no_logo_is_refused_and_the_former_one_stays(
    boss: Caller, path: str, content: bytes, content_type: str, status: int
) -> None:
    boss.upload("PUT", path, picture(), "image/png")
    before = IntegrationLogo.objects.get()

    answer = boss.upload("PUT", path, content, content_type)

    assert answer.status_code == status, answer.content
    assert answer.json()["detail"]
    assert bytes(IntegrationLogo.objects.get().content) == bytes(before.content)


def test_a_list_of_integrations_says_which_have_a_logo(boss: Caller, path: str) -> None:
    boss.upload("PUT", path, picture(), "image/png")

    (row,) = boss.get("integrations").json()["results"]

    assert row["has_logo"] is True
    assert "content" not in row
