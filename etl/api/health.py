"""`health`: whether this process lives and can answer, for whoever watches it; and all that the doctor finds."""

from rest_framework.request import Request
from rest_framework.response import Response

from etl.api.base import ForSuperusersAlone, InstallationView, JsonView, RoleAllows
from etl.api.describing import With
from etl.api.errors import Unavailable
from etl.doctor import as_json, examine
from etl.doctor.readiness import ready
from etl.doctor.results import Found
from pulse.postgres.scope import platform_scope


class _Probe(JsonView):
    """For programs that have no login, and are told no details."""

    authentication_classes = ()
    permission_classes = ()


class LiveView(_Probe):
    """GET: whether the process answers at all. It asks nobody else: one that says nothing is to be restarted."""

    answers = {"GET": {"status": str}}

    def get(self, request: Request) -> Response:
        return Response({"status": "live"})


class ReadyView(_Probe):
    """GET: whether the process can answer requests: its database answers, and has the tables of this code."""

    answers = {"GET": {"status": str}}

    def get(self, request: Request) -> Response:
        if not ready():
            raise Unavailable("the database does not answer, or its tables are not those of this code")
        return Response({"status": "ready"})


class HealthView(InstallationView):
    """GET: what `manage.py doctor` says of each part of the installation. For superusers. May take some seconds."""

    answers = {"GET": {"healthy": bool, "checks": [With(Found, {"name": str})]}}
    permission_classes = (RoleAllows, ForSuperusersAlone)

    def get(self, request: Request) -> Response:
        with platform_scope():
            return Response(as_json(examine()))
