"""The addresses under /app/etl/."""

from django.urls import path, re_path

from etl.api.alerts import AlertsView, AlertView, ChannelsView, ChannelTestView, ChannelView
from etl.api.api_keys import ApiKeysView, ApiKeyView
from etl.api.audit_log import EntriesExportView, EntriesView
from etl.api.base import NoSuchAddress
from etl.api.changelogs import ChangelogsView
from etl.api.custom_fields import CustomFieldsView, SyncView
from etl.api.dead_letters import (
    DiscardManyView,
    DiscardView,
    GroupsView,
    LettersView,
    LetterView,
    ReplayManyView,
    ReplayView,
)
from etl.api.exports import ChangelogsExportView, LinksExportView, PrsExportView, WorkItemsExportView
from etl.api.field_help import AcceptView, ExportView, ImportView, ProfileView, SuggestionsView
from etl.api.health import HealthView, LiveView, ReadyView
from etl.api.integrations import CheckView, IntegrationsView, IntegrationView, ProvidersView
from etl.api.job_actions import (
    PauseView,
    RepairView,
    ReprocessView,
    ResumeView,
    RetryView,
    StartView,
    StopView,
    VerifyView,
)
from etl.api.jobs import JobStatusView, JobsView, JobView
from etl.api.links import LinksView
from etl.api.logos import LogoView
from etl.api.mapping import MappingView, PreviewView, RetransformView
from etl.api.metrics import FlowNowView, FlowView, PrsNowView, PrsView
from etl.api.pipeline import LoadView, PipelineView, TransformView
from etl.api.projects import ProjectsView
from etl.api.prs import PullRequestsView, PullRequestView
from etl.api.qdrant import CollectionsView, CountsView, DriftView, QdrantHealthView
from etl.api.queues import QueuesHealthView, QueuesView
from etl.api.raw_data import (
    RawDataReprocessView,
    RawDataStatusView,
    RawDatasView,
    RawDataView,
    StoreView,
)
from etl.api.repositories import RepositoriesView
from etl.api.runs import JobRunsView, RunEventsView, RunRetryView, RunStopView, RunsView, RunView
from etl.api.schema import DocsView, SchemaView
from etl.api.search import SearchView
from etl.api.statuses import StatusesView, StatusMappingsView, StatusMappingView
from etl.api.tokens import NewTokenView, RefreshView
from etl.api.verifications import VerificationsView, VerificationView
from etl.api.webhooks import WebhookView
from etl.api.wits import HierarchiesView, HierarchyView, WitMappingsView, WitMappingView, WitsView
from etl.api.work_items import WorkItemsView, WorkItemView
from etl.api.workers import RestartAllView, RestartView, WorkersView
from etl.api.workflows import WorkflowsView, WorkflowView

urlpatterns = [
    path("webhooks/<slug:provider>/<int:integration_id>", WebhookView.as_view(), name="webhook"),
    # Anything may be in a secret, a slash too.
    path("webhooks/<slug:provider>/<int:integration_id>/<path:secret>", WebhookView.as_view(), name="webhook-secret"),
    path("auth/token", NewTokenView.as_view(), name="token"),
    path("auth/refresh", RefreshView.as_view(), name="token-refresh"),
    path("api-keys", ApiKeysView.as_view(), name="api-keys"),
    path("api-keys/<int:pk>", ApiKeyView.as_view(), name="api-key"),
    path("raw-data", RawDatasView.as_view(), name="raw-data"),
    path("raw-data/store", StoreView.as_view(), name="raw-data-store"),
    path("raw-data/<int:pk>", RawDataView.as_view(), name="raw-data-one"),
    path("raw-data/<int:pk>/status", RawDataStatusView.as_view(), name="raw-data-status"),
    path("raw-data/<int:pk>/reprocess", RawDataReprocessView.as_view(), name="raw-data-reprocess"),
    path("transform", TransformView.as_view(), name="transform"),
    path("load", LoadView.as_view(), name="load"),
    path("pipeline", PipelineView.as_view(), name="pipeline"),
    path("integrations", IntegrationsView.as_view(), name="integrations"),
    path("integrations/providers", ProvidersView.as_view(), name="integrations-providers"),
    path("integrations/<int:pk>", IntegrationView.as_view(), name="integration"),
    path("integrations/<int:pk>/check", CheckView.as_view(), name="integration-check"),
    path("integrations/<int:pk>/logo", LogoView.as_view(), name="integration-logo"),
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
    path("work-items/export", WorkItemsExportView.as_view(), name="work-items-export"),
    path("work-items/links", LinksView.as_view(), name="work-items-links"),
    path("work-items/links/export", LinksExportView.as_view(), name="work-items-links-export"),
    path("work-items/<int:pk>", WorkItemView.as_view(), name="work-item"),
    path("changelogs", ChangelogsView.as_view(), name="changelogs"),
    path("changelogs/export", ChangelogsExportView.as_view(), name="changelogs-export"),
    path("repositories", RepositoriesView.as_view(), name="repositories"),
    path("prs", PullRequestsView.as_view(), name="prs"),
    path("prs/export", PrsExportView.as_view(), name="prs-export"),
    path("prs/<int:pk>", PullRequestView.as_view(), name="pr"),
    path("jobs", JobsView.as_view(), name="jobs"),
    path("jobs/<int:pk>", JobView.as_view(), name="job"),
    path("jobs/<int:pk>/status", JobStatusView.as_view(), name="job-status"),
    path("jobs/<int:pk>/start", StartView.as_view(), name="job-start"),
    path("jobs/<int:pk>/pause", PauseView.as_view(), name="job-pause"),
    path("jobs/<int:pk>/resume", ResumeView.as_view(), name="job-resume"),
    path("jobs/<int:pk>/stop", StopView.as_view(), name="job-stop"),
    path("jobs/<int:pk>/retry", RetryView.as_view(), name="job-retry"),
    path("jobs/<int:pk>/reprocess", ReprocessView.as_view(), name="job-reprocess"),
    path("jobs/<int:pk>/repair", RepairView.as_view(), name="job-repair"),
    path("jobs/<int:pk>/verify", VerifyView.as_view(), name="job-verify"),
    path("jobs/<int:pk>/runs", JobRunsView.as_view(), name="job-runs"),
    path("runs", RunsView.as_view(), name="runs"),
    path("runs/<int:pk>", RunView.as_view(), name="run"),
    path("runs/<int:pk>/events", RunEventsView.as_view(), name="run-events"),
    path("runs/<int:pk>/stop", RunStopView.as_view(), name="run-stop"),
    path("runs/<int:pk>/retry", RunRetryView.as_view(), name="run-retry"),
    path("verifications", VerificationsView.as_view(), name="verifications"),
    path("verifications/<int:pk>", VerificationView.as_view(), name="verification"),
    path("dead-letters", LettersView.as_view(), name="dead-letters"),
    path("dead-letters/groups", GroupsView.as_view(), name="dead-letters-groups"),
    path("dead-letters/replay", ReplayManyView.as_view(), name="dead-letters-replay"),
    path("dead-letters/discard", DiscardManyView.as_view(), name="dead-letters-discard"),
    path("dead-letters/<int:pk>", LetterView.as_view(), name="dead-letter"),
    path("dead-letters/<int:pk>/replay", ReplayView.as_view(), name="dead-letter-replay"),
    path("dead-letters/<int:pk>/discard", DiscardView.as_view(), name="dead-letter-discard"),
    path("audit-log", EntriesView.as_view(), name="audit-log"),
    path("audit-log/export", EntriesExportView.as_view(), name="audit-log-export"),
    path("alerts", AlertsView.as_view(), name="alerts"),
    path("alerts/<int:pk>", AlertView.as_view(), name="alert"),
    path("alert-channels", ChannelsView.as_view(), name="alert-channels"),
    path("alert-channels/<int:pk>", ChannelView.as_view(), name="alert-channel"),
    path("alert-channels/<int:pk>/test", ChannelTestView.as_view(), name="alert-channel-test"),
    path("queues", QueuesView.as_view(), name="queues"),
    path("queues/health", QueuesHealthView.as_view(), name="queues-health"),
    path("workers", WorkersView.as_view(), name="workers"),
    path("workers/restart-all", RestartAllView.as_view(), name="workers-restart-all"),
    path("workers/<int:pk>/restart", RestartView.as_view(), name="worker-restart"),
    path("search", SearchView.as_view(), name="search"),
    path("metrics/flow", FlowView.as_view(), name="metrics-flow"),
    path("metrics/flow/now", FlowNowView.as_view(), name="metrics-flow-now"),
    path("metrics/prs", PrsView.as_view(), name="metrics-prs"),
    path("metrics/prs/now", PrsNowView.as_view(), name="metrics-prs-now"),
    path("qdrant/health", QdrantHealthView.as_view(), name="qdrant-health"),
    path("qdrant/collections", CollectionsView.as_view(), name="qdrant-collections"),
    path("qdrant/counts", CountsView.as_view(), name="qdrant-counts"),
    path("qdrant/drift", DriftView.as_view(), name="qdrant-drift"),
    path("health", HealthView.as_view(), name="health"),
    path("health/live", LiveView.as_view(), name="health-live"),
    path("health/ready", ReadyView.as_view(), name="health-ready"),
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(), name="docs"),
    # The last one: everything else.
    re_path("", NoSuchAddress.as_view(), name="no-such-address"),
]
