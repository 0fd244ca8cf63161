"""Every address of the web process."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("app/etl/", include("etl.api.urls")),
    path("", RedirectView.as_view(pattern_name="admin:index")),
]
