"""The addresses of a web process with single sign-on."""

from pulse.urls import OIDC
from pulse.urls import urlpatterns as without

urlpatterns = [OIDC, *without]
