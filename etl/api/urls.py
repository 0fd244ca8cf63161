"""The addresses under /app/etl/."""

from django.urls import path, re_path

from etl.api.base import NoSuchAddress
from etl.api.custom_fields import CustomFieldsView, SyncView
from etl.api.field_help import AcceptView, ExportView, ImportView, ProfileView, SuggestionsView
from etl.api.mapping import MappingView, PreviewView, RetransformView
from etl.api.projects import ProjectsView
from etl.api.statuses import StatusesView, StatusMappingsView, StatusMappingView
from etl.api.tokens import NewTokenView, RefreshView
from etl.api.webhooks import WebhookView
from etl.api.wits import HierarchiesView, HierarchyView, WitMappingsView, WitMappingView, WitsView
from etl.api.work_items import WorkItemsView, WorkItemView
from etl.api.workflows import WorkflowsView, WorkflowView

urlpatterns = [
    path("webhooks/<slug:provider>/<int:integration_id>", WebhookView.as_view(), name="webhook"),
    # Anything may be in a secret, a slash too.
    path("webhooks/<slug:provider>/<int:integration_id>/<path:secret>", WebhookView.as_view(), name="webhook-secret"),
    path("auth/token", NewTokenView.as_view(), name="token"),
    path("auth/refresh", RefreshView.as_view(), name="token-refresh"),
    path("custom-fields", CustomFieldsView.as_view(), name="custom-fields"),
    path("custom-fields/sync", SyncView.as_view(), name="custom-fields-sync"),
    path("custom-fields/profile", ProfileView.as_view(), name="custom-fields-profile"),
    path("custom-fields/suggestions", SuggestionsView.as_view(), name="custom-fields-suggestions"),
    path("custom-fields/suggestions/accept", AcceptView.as_view(), name="custom-fields-suggestions-accept"),
    path("custom-fields/mapping", MappingView.as_view(), name="custom-fields-mapping"),
    path("custom-fields/mapping/preview", PreviewView.as_view(), name="custom-fields-mapping-preview"),
    path("custom-fields/mapping/retransform", RetransformView.as_view(), name="custom-fields-mapping-retransform"),
    path("custom-fields/mapping/export", ExportView.as_view(), name="custom-fields-mapping-export"),
    path("custom-fields/mapping/import", ImportView.as_view(), name="custom-fields-mapping-import"),
    path("projects", ProjectsView.as_view(), name="projects"),
    path("statuses", StatusesView.as_view(), name="statuses"),
    path("statuses/mappings", StatusMappingsView.as_view(), name="statuses-mappings"),
    path("statuses/mappings/<int:pk>", StatusMappingView.as_view(), name="status-mapping"),
    path("wits", WitsView.as_view(), name="wits"),
    path("wits/mappings", WitMappingsView.as_view(), name="wits-mappings"),
    path("wits/mappings/<int:pk>", WitMappingView.as_view(), name="wit-mapping"),
    path("wits/hierarchies", HierarchiesView.as_view(), name="wits-hierarchies"),
    path("wits/hierarchies/<int:pk>", HierarchyView.as_view(), name="wit-hierarchy"),
    path("workflows", WorkflowsView.as_view(), name="workflows"),
    path("workflows/<int:pk>", WorkflowView.as_view(), name="workflow"),
    path("work-items", WorkItemsView.as_view(), name="work-items"),
    path("work-items/<int:pk>", WorkItemView.as_view(), name="work-item"),
    # The last one: everything else.
    re_path("", NoSuchAddress.as_view(), name="no-such-address"),
]
