"""The admin's sidebar: pages by topic, and only those that the person may see."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

# Topic → (table's model as app.model, symbol's name)
TOPICS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Jobs": (
        ("etl.etljob", "sync"),
        ("etl.etljobrun", "history"),
        ("etl.etljobrunstep", "checklist"),
        ("etl.etljobevent", "receipt_long"),
    ),
    "Connections": (
        ("integrations.integration", "cable"),
        ("integrations.integrationlimit", "speed"),
        ("integrations.integrationtoken", "token"),
        ("etl.webhookdelivery", "webhook"),
    ),
    "Work": (
        ("etl.workitem", "task"),
        ("etl.changelog", "timeline"),
        ("custommapping.project", "folder"),
        ("etl.workitemprlink", "link"),
    ),
    "Code": (
        ("etl.repository", "book"),
        ("etl.pr", "merge"),
        ("etl.prcommit", "commit"),
        ("etl.prreview", "rate_review"),
        ("etl.prcomment", "comment"),
    ),
    "Meaning": (
        ("custommapping.customfield", "text_fields"),
        ("custommapping.customfieldmapping", "data_object"),
        ("custommapping.statusmapping", "swap_horiz"),
        ("custommapping.witmapping", "category"),
        ("custommapping.workflow", "account_tree"),
        ("custommapping.withierarchy", "stacks"),
    ),
    "Catalogues": (
        ("custommapping.status", "label"),
        ("custommapping.wit", "shapes"),
        ("custommapping.projectstatus", "rule"),
        ("custommapping.projectwit", "grid_view"),
        ("custommapping.projectcustomfield", "travel_explore"),
    ),
    "Operations": (
        ("etl.deadletter", "unsubscribe"),
        ("etl.quarantinedrecord", "report"),
        ("etl.rawextractiondata", "database"),
        ("etl.extractioncheckpoint", "flag"),
        ("etl.qdrantvector", "scatter_plot"),
        ("etl.workerrow", "memory"),
    ),
    "People": (
        ("tenancy.tenant", "domain"),
        ("tenancy.user", "group"),
        ("tenancy.apikey", "key"),
        ("tenancy.auditentry", "policy"),
    ),
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's navigation for this person: one collapsible group per topic."""
    pages = {model._meta.label_lower: page for model, page in admin.site._registry.items()}
    return [
        {
            "title": topic,
            "collapsible": True,
            "items": [
                _item(pages[label], symbol) for label, symbol in entries if pages[label].has_view_permission(request)
            ],
        }
        for topic, entries in TOPICS.items()
    ]


def _item(page: "admin.ModelAdmin[Any]", symbol: str) -> dict[str, str]:
    options = page.model._meta
    link = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    title = str(options.verbose_name_plural)
    return {"title": title[:1].upper() + title[1:], "icon": symbol, "link": link}
