"""The page of a verification: what differs, by project, and the buttons that verify again."""

from collections.abc import Mapping
from typing import Any

from django.test import Client

from etl.models import Verification
from etl.verification.comparing import Compared, Comparison, Stored
from etl.verification.stored import Answers, Items, Vectors
from integrations.models import Integration
from integrations.provider import SourceCount
from tests.etl.admin import addresses
from tests.etl.admin.pressing import named, offered, on_page
from tests.etl.admin.rows import HOSTILE, Rows


def verification(rows: Rows, report: Mapping[str, Any] | None = None, **more: Any) -> Verification:
    integration = rows.row(Integration)
    given = {"state": "finished", "report": report or {}, **more}
    return Verification.objects.create(tenant=rows.tenant, integration=integration, **given)


def project(name: str, source: int, derived: int) -> Compared:
    """A project of which that many items are derived."""
    stored = Stored([Items(derived=derived, settled=derived)], Answers(), 0, Vectors(wanted=derived, completed=derived))
    return Compared(name, name, [SourceCount(source)], stored)


def test_the_page_shows_what_differs_most_first_and_the_sum_of_all(viewer: Client, acme: Rows) -> None:
    found = Comparison([project("EQUAL", 40, 40), project(HOSTILE, 30, 27), project("ONE", 11, 10)])
    row = verification(acme, found.report("projects"), score=found.score)

    response = viewer.get(addresses.page_of(row))

    assert [(name, drift) for name, _, drift in response.context["entries"]] == [(HOSTILE, 3), ("ONE", 1), ("EQUAL", 0)]
    shown = dict(zip(response.context["numbers"], response.context["totals"], strict=True))
    assert (shown["Source"], shown["Derived"], shown["Missing"], shown["Vectors missing"]) == (81, 77, 4, 0)
    assert response.context["all_drift"] == 4
    content = response.content.decode()
    assert HOSTILE not in content
    assert "By projects, what differs most first" in content
    assert "2.532%" in viewer.get(addresses.list_of(Verification)).content.decode()


def test_one_that_is_not_over_shows_no_table(viewer: Client, acme: Rows) -> None:
    for report in ({}, {"looks": {}, "progress": {"done": 1}}):
        row = verification(acme, report, state="running" if report else "failed")
        response = viewer.get(addresses.page_of(row))
        assert response.status_code == 200
        assert "what differs most first" not in response.content.decode()
        Verification.objects.all().delete()


def test_it_is_verified_again_with_repairs_where_asked_for(operator: Client, acme: Rows) -> None:
    row = verification(acme)
    assert offered(operator, row) == ["verify", "repair"]

    (said,) = on_page(operator, "repair", row)

    asked = Verification.objects.exclude(pk=row.pk).get()
    assert f'href="{addresses.page_of(asked)}"' in said
    assert (asked.repairs, asked.trigger) == (True, "admin: otto")


def test_viewers_and_strangers_ask_for_none(viewer: Client, operator: Client, acme: Rows, rival: Rows) -> None:
    ours, theirs = verification(acme), verification(rival)
    assert offered(viewer, ours) == []
    assert viewer.post(named(Verification, "act", ours.pk), {"act": "verify"}).status_code == 403
    assert operator.post(named(Verification, "act", theirs.pk), {"act": "verify"}).status_code == 404
    assert Verification.objects.count() == 2
