"""Every address of the web process."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

admin.autodiscover()
OIDC = path("oidc/", include("mozilla_django_oidc.urls"))

urlpatterns = [
    *([OIDC] if settings.OIDC_RP_CLIENT_ID else []),
    path("admin/home/", include("etl.admin.home")),
    path("admin/account/", include("pulse.tenancy.admin.account")),
    path("admin/", admin.site.urls),
    path("app/etl/", include("etl.api.urls")),
    path("", RedirectView.as_view(pattern_name="admin:index")),
]
