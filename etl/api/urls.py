"""The addresses under /app/etl/."""

from django.urls import path, re_path

from etl.api.alerts import AlertsView, AlertView, ChannelsView, ChannelTestView, ChannelView
from etl.api.base import NoSuchAddress
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
from etl.api.field_help import AcceptView, ExportView, ImportView, ProfileView, SuggestionsView
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
from etl.api.mapping import MappingView, PreviewView, RetransformView
from etl.api.projects import ProjectsView
from etl.api.queues import QueuesHealthView, QueuesView
from etl.api.runs import JobRunsView, RunEventsView, RunRetryView, RunStopView, RunsView, RunView
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
    # The last one: everything else.
    re_path("", NoSuchAddress.as_view(), name="no-such-address"),
]
