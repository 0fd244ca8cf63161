"""Verifications: what the sites have, beside what is stored of it."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from etl.admin.acting import ActingAdmin, Button, trigger_of
from etl.models import Verification
from etl.verification import verify
from pulse.tenancy.admin.base import ReadOnlyAdmin
from pulse.tenancy.admin.shown import state_column
from pulse.tenancy.models import User

# Of each project or repository; the report has more.
SHOWN_NUMBERS = (
    "source", "raw", "derived", "quarantined", "deleted", "waiting", "missing", "gone", "underived", "stale",
    "unanswered",
)  # fmt: skip
SHOWN_ROWS = 200


def _verify(verification: Verification, user: User) -> Verification:
    return verify.request(verification.integration, trigger=trigger_of(user))


def _repair(verification: Verification, user: User) -> Verification:
    return verify.request(verification.integration, trigger=trigger_of(user), repairs=True)


@admin.register(Verification)
class VerificationAdmin(ReadOnlyAdmin, ActingAdmin):
    buttons = (
        Button("verify", "Verify again", "put down to be verified again", _verify),
        Button("repair", "Verify and repair", "put down to be verified again and repaired", _repair, "primary"),
    )
    relations = ("tenant", "integration", "repair__job")
    change_form_outer_after_template = "etl/operations/verification.html"
    list_display = ("id", "integration", state_column("state"), "drift", "repairs", "repair", "created_at", "tenant")
    list_filter = ("tenant", "integration", "state")
    search_fields = ("integration__name", "id__exact")
    search_help_text = "An integration's name, or a verification's number"

    @admin.display(description="drift", ordering="score")
    def drift(self, verification: Verification) -> str | None:
        """In percent of all that was compared."""
        return None if verification.score is None else f"{100 * verification.score:.3f}%"

    def shown_with(self, request: HttpRequest, row: Verification) -> dict[str, Any]:
        return {**super().shown_with(request, row), **_report(row.report)}


def _report(report: Any) -> dict[str, Any]:
    """A report's rows as a table, what differs most first, with the sum of all. Nothing of one that is not over."""
    kind = str(report.get("kind") or "") if isinstance(report, dict) else ""
    entries: Sequence[dict[str, Any]] = report.get(kind, []) if kind else []
    differing = sorted(entries, key=lambda one: (-one["drift"], one["name"]))
    return {
        "kind": kind,
        "numbers": [*(name.capitalize() for name in SHOWN_NUMBERS), "Vectors missing"],
        "entries": [(one["name"], _numbers(one), one["drift"]) for one in differing[:SHOWN_ROWS]],
        "left_out": max(0, len(entries) - SHOWN_ROWS),
        "totals": _numbers(report["totals"]) if kind else [],
        "all_drift": report["drift"] if kind else 0,
        "problems": report["problems"] if kind else [],
    }


def _numbers(found: dict[str, Any]) -> list[Any]:
    return [*(found[name] for name in SHOWN_NUMBERS), found["vectors"]["missing"]]
