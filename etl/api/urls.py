"""The addresses under /app/etl/."""

from django.urls import path

from etl.api.webhooks import WebhookView

urlpatterns = [
    path("webhooks/<slug:provider>/<int:integration_id>", WebhookView.as_view(), name="webhook"),
    # Anything may be in a secret, a slash too.
    path("webhooks/<slug:provider>/<int:integration_id>/<path:secret>", WebhookView.as_view(), name="webhook-secret"),
]
