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
        ("etl.alert", "notifications"),
        ("etl.alertchannel", "campaign"),
        ("etl.alertdelivery", "outgoing_mail"),
        ("etl.verification", "fact_check"),
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
        ("tenancy.erasure", "delete_forever"),
    ),
}

# Pages that are no table's own: topic → (the model whose pages they are among, page's name, title, symbol's name)
BESIDE: Mapping[str, tuple[tuple[str, str, str, str], ...]] = {
    "Work": (
        ("etl.workitem", "flow", "Flow", "insights"),
        ("etl.qdrantvector", "search", "Search by meaning", "search"),
    ),
    "Operations": (
        ("etl.deadletter", "groups", "Dead letters by cause", "stacked_email"),
        ("etl.workerrow", "queues", "Queues and workers", "sync_alt"),
        ("etl.qdrantvector", "overview", "Vectors, compared", "hub"),
    ),
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's navigation for this person: the home page, and one collapsible group per topic."""
    pages = {model._meta.label_lower: page for model, page in admin.site._registry.items()}
    seen = {label: page for label, page in pages.items() if page.has_view_permission(request)}
    home = {"title": "Home", "icon": "home", "link": reverse("admin:index")}
    groups = [{"title": topic, "collapsible": True, "items": _items(topic, seen)} for topic in TOPICS]
    return [{"items": [home]}, *_where(request, groups)]


def _where(request: HttpRequest, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The groups with the item marked whose page the person looks at: of a list and a page beneath it the latter."""
    items = [item for group in groups for item in group["items"]]
    here = max((item["link"] for item in items if request.path.startswith(item["link"])), key=len, default="")
    for item in items:
        item["active"] = item["link"] == here
    return groups


def _items(topic: str, seen: "Mapping[str, admin.ModelAdmin[Any]]") -> list[dict[str, Any]]:
    lists = [_list(seen[label], symbol) for label, symbol in TOPICS[topic] if label in seen]
    beside = [_item(seen[label], *entry) for label, *entry in BESIDE.get(topic, ()) if label in seen]
    return [*lists, *beside]


def _list(page: "admin.ModelAdmin[Any]", symbol: str) -> dict[str, Any]:
    title = str(page.model._meta.verbose_name_plural)
    return _item(page, "changelist", title[:1].upper() + title[1:], symbol)


def _item(page: "admin.ModelAdmin[Any]", name: str, title: str, symbol: str) -> dict[str, Any]:
    options = page.model._meta
    link = reverse(f"admin:{options.app_label}_{options.model_name}_{name}")
    return {"title": title, "icon": symbol, "link": link}
