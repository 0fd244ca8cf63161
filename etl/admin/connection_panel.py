"""How a connection does, above its settings: whether it works, what holds it back, its last run, and its next one."""

from typing import Any, cast

from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.utils import timezone

from etl.admin.acting import page_of
from etl.admin.jobs import EtlJobAdmin
from etl.jobs import states
from etl.models import EtlJob, EtlJobRun, Overall
from integrations.models import Integration, IntegrationLimit, IntegrationToken

# The buttons that a connection's page offers, of those of its job.
OFFERED = ("start", "resume")


def panel_of(request: HttpRequest, integration: Integration) -> dict[str, Any]:
    """What the panel's template shows; without buttons for those who may press none."""
    page = cast(EtlJobAdmin, admin.site._registry[EtlJob])
    job = EtlJob.objects.filter(integration=integration).order_by("order", "pk").first()
    run = EtlJobRun.objects.filter(integration=integration).order_by("-pk").first()
    limit = IntegrationLimit.objects.filter(integration=integration).first()
    found = {
        "job": job,
        "state": job.overall.replace("_", " ").lower() if job else "",
        "next": next_words(integration, job),
        "run": run,
        "limit": limit,
        "quota": quota_left(limit),
        "token": IntegrationToken.objects.filter(integration=integration).only("expires_at").first(),
        "health": health(integration, job, limit),
        "job_address": page_of(job) if job else None,
        "run_address": page_of(run) if run else None,
    }
    return {"panel": found | _buttons(request, page, integration, job)}


def health(integration: Integration, job: EtlJob | None, limit: IntegrationLimit | None) -> tuple[str, str]:
    """("good", "warned", "bad" or "idle", and why in a few words): the gravest of what there is to say."""
    if not integration.active:
        return "idle", "Switched off"
    if limit and limit.blocked_until and limit.blocked_until > timezone.now():
        many = limit.errors_in_a_row
        said = f"Held back after {many} error{pluralize(many)} in a row"
        return "warned", said if many else "Held back by the site's rate limit"
    if job is None or job.last_run_started_at is None:
        return "idle", "Not started yet"
    if job.overall == Overall.FAILED:
        return "bad", "The last run failed"
    if limit and limit.errors_in_a_row:
        many = limit.errors_in_a_row
        return "warned", f"{many} call{pluralize(many)} failed in a row"
    return "good", "Works"


def quota_left(limit: IntegrationLimit | None) -> str:
    """What the site said last is left ("4,321 of 5,000 (graphql)"); empty where it never said."""
    if limit is None or limit.quota_left is None:
        return ""
    of = "" if limit.quota_limit is None else f" of {limit.quota_limit:,}"
    return f"{limit.quota_left:,}{of}" + (f" ({limit.quota_name})" if limit.quota_name else "")


def next_words(integration: Integration, job: EtlJob | None) -> str:
    """When the job runs next, where no time for it is set: as the job's card says it."""
    at_work = job is not None and job.active and integration.active and integration.tenant.active
    return "in its turn" if job and at_work and job.overall in (Overall.FINISHED, Overall.FAILED) else "not planned"


def _buttons(request: HttpRequest, page: EtlJobAdmin, integration: Integration, job: EtlJob | None) -> dict[str, Any]:
    connections = admin.site._registry[Integration]
    check = reverse("admin:integrations_integration_check", args=[integration.pk])
    may_change = connections.has_change_permission(request, integration)
    shown: dict[str, Any] = {"check_address": check if may_change else None, "buttons": []}
    if job and integration.active and page.has_operate_permission(request, job):
        can = [name for name in states.possible(job.overall) if name in OFFERED]
        shown["buttons"] = [button for button in page.buttons if button.name in can]
        shown["act_address"] = page.address("act", job.pk)
    return shown
