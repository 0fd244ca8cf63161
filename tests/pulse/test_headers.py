"""What browsers are told with each answer, and that the pages' frame is unfold's own but for what a policy needs."""

import difflib
import re
from pathlib import Path

import pytest
import unfold
from cryptography.fernet import Fernet
from django.conf import settings
from django.test import Client

from tests.support.processes import Running

SKELETON = "templates/unfold/layouts/skeleton.html"
HEADER = "templates/unfold/helpers/userlinks.html"
TITLE = "templates/unfold/helpers/welcomemsg.html"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/login/", "/app/etl/no-such-address"])
def test_every_answer_says_what_browsers_may_do_with_it(client: Client, path: str) -> None:
    answer = client.get(path)
    policy = dict(part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";"))
    assert policy["script-src"] == policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in "".join(policy[name] for name in policy if name != "style-src-attr")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == answer["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.django_db
def test_the_only_style_in_a_page_has_a_nonce_that_is_new_each_time(client: Client) -> None:
    nonces = []
    for _ in range(2):
        answer = client.get("/admin/login/")
        (nonce,) = re.findall(r'<style[^>]* nonce="([^"]+)"', answer.content.decode())
        assert f"'nonce-{nonce}'" in answer["Content-Security-Policy"]
        nonces.append(nonce)
    assert nonces[0] != nonces[1]


def _changed(template: str) -> list[str]:
    """What we made of unfold's template: lines that begin with "-" are gone, with "+" are new."""
    theirs = (Path(unfold.__file__).parent / template).read_text().splitlines()
    ours = (settings.BASE_DIR / "pulse" / template).read_text().splitlines()
    return [line for line in difflib.ndiff(theirs, ours) if line[0] in "+-" and line[1:].strip()]


def test_the_pages_frame_differs_from_unfolds_only_by_what_the_policy_needs_and_the_way_past_the_menu() -> None:
    changed = _changed(SKELETON)
    gone = [line for line in changed if line[0] == "-"]
    assert len(gone) == 11
    assert all(
        re.search(r"alpine\.js|style id=|x-data|x-init|activeTab|sidebar|}|watch|^-\s+\"$", line) for line in gone
    )
    assert len(changed) - len(gone) == 6


def test_the_headers_right_side_differs_from_unfolds_only_by_the_choice_of_a_tenant() -> None:
    assert [line for line in _changed(HEADER) if "tenant" not in line] == ["- {% load i18n static unfold %}"]


def test_the_headers_left_side_differs_from_unfolds_only_by_the_menus_buttons_and_the_title() -> None:
    changed = _changed(TITLE)
    assert sum(line[0] == "-" for line in changed) == 8
    unlike = r"span>?|button|sidebar|dock_to_right|title|unfold's own|endif"
    assert [line for line in changed if not re.search(unlike, line)] == []


def test_production_passes_djangos_own_checks() -> None:
    variables = {"PULSE_PRODUCTION": "true", "SECRET_KEY": "kX3w" * 5 + "9dVq-Lr2_Tz8" * 4}
    variables["PULSE_ENCRYPTION_KEYS"] = Fernet.generate_key().decode()
    with Running(["manage.py", "check", "--deploy", "--fail-level", "WARNING"], variables) as process:
        ended = process.ended()
    assert (ended.code, ended.errors) == (0, "")
