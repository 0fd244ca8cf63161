"""`integrations`: the sites that a tenant is connected with; `integrations/providers`: the kinds that there are."""

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from etl.api.base import ApiView
from etl.api.describing import Answer, Maybe, Page, Results
from etl.api.errors import NoSuchRow
from etl.api.forms import Form, OneOfField, PageForm
from integrations.checking import check_integration, containers_of
from integrations.editing import Said, change, create, secret_names
from integrations.models import Integration, IntegrationLimit, IntegrationLogo
from integrations.provider import Provider, SettingField
from integrations.registry import get_provider, provider_names
from pulse.tenancy.models import Role

LONGEST_NAME = 200
LONGEST_VALUE = 100_000


class IntegrationsForm(PageForm):
    provider = serializers.CharField(required=False, max_length=50)
    active = serializers.BooleanField(required=False)


def _texts(**more: Any) -> serializers.DictField:
    """Settings by name; null or an empty text takes one away."""
    text = serializers.CharField(allow_null=True, allow_blank=True, max_length=LONGEST_VALUE)
    return serializers.DictField(child=text, required=False, **more)


class IntegrationForm(Form):
    """What is left out stays as it is, be it one of the settings or secrets."""

    name = serializers.CharField(required=False, max_length=LONGEST_NAME)
    active = serializers.BooleanField(required=False)
    # A secret may stand among the settings, so the value of none is shown where it is wrong.
    settings = _texts(write_only=True)
    secrets = _texts(write_only=True)


class NewIntegrationForm(IntegrationForm):
    name = serializers.CharField(max_length=LONGEST_NAME)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "provider": OneOfField(provider_names())}


class LimitAnswer(serializers.ModelSerializer[IntegrationLimit]):
    """What holds its site's calls back; they go on at ``blocked_until``. What its site said is left for them."""

    class Meta:
        model = IntegrationLimit
        fields = (
            "blocked_until", "errors_in_a_row", "limits_in_a_row", "quota_left", "quota_limit", "quota_name",
            "quota_resets_at", "quota_as_of",
        )  # fmt: skip


class IntegrationAnswer(serializers.ModelSerializer[Integration]):
    """An integration. Of its secrets only the names of those that are set are told."""

    settings = serializers.SerializerMethodField()
    secrets = serializers.SerializerMethodField()
    job_ids = serializers.SerializerMethodField()
    has_logo = serializers.BooleanField()
    limit = LimitAnswer(default=None)

    class Meta:
        model = Integration
        fields = (
            "id", "provider", "name", "active", "settings", "secrets", "job_ids", "has_logo", "limit", "created_at",
            "last_updated_at",
        )  # fmt: skip

    def get_settings(self, integration: Integration) -> dict[str, Any]:
        hidden = secret_names(integration)
        return {name: value for name, value in integration.settings.items() if name not in hidden}

    def get_secrets(self, integration: Integration) -> list[str]:
        return sorted(name for name, value in integration.secrets.items() if value)

    def get_job_ids(self, integration: Integration) -> list[int]:
        return sorted(job.pk for job in integration.jobs.all())


class OfIntegrations(ApiView):
    """Administrators change integrations; whoever may read, reads them."""

    roles = dict.fromkeys(("POST", "PATCH", "PUT", "DELETE"), Role.ADMINISTRATOR)

    def integrations(self) -> QuerySet[Integration]:
        logos = IntegrationLogo.objects.filter(integration=OuterRef("pk"))
        rows = self.rows(Integration).annotate(has_logo=Exists(logos))
        return rows.select_related("limit").prefetch_related("jobs")

    def told(self, pk: int) -> Any:
        """The answer about one of them. Raises NoSuchRow."""
        found = self.integrations().filter(pk=pk).first()
        if found is None:
            raise NoSuchRow("id", pk)
        return IntegrationAnswer(found).data

    def said(self) -> Said:
        return Said(**{name: value for name, value in self.given.items() if name != "provider"})


class IntegrationsView(OfIntegrations):
    """GET: the tenant's integrations. POST: makes one, and with it its job."""

    forms = {"GET": IntegrationsForm, "POST": NewIntegrationForm}
    answers = {"GET": Page(IntegrationAnswer), "POST": Answer(IntegrationAnswer, 201)}

    def get(self, request: Request) -> Response:
        rows = self.filtered(self.integrations(), "provider", "active")
        return Response(self.page(rows, ["name", "id"], IntegrationAnswer))

    def post(self, request: Request) -> Response:
        made = create(self.tenant, self.given["provider"], self.said(), by=self.user.username)
        return Response(self.told(made.pk), status.HTTP_201_CREATED)


class IntegrationView(OfIntegrations):
    """GET: one integration. PATCH: changes what is said of it. DELETE: switches it off; what it brought stays."""

    forms = {"PATCH": IntegrationForm}
    answers = {"GET": IntegrationAnswer, "PATCH": IntegrationAnswer, "DELETE": IntegrationAnswer}

    def get(self, request: Request, pk: int) -> Response:
        return Response(self.told(pk))

    def patch(self, request: Request, pk: int) -> Response:
        return self._changed(pk, self.said())

    def delete(self, request: Request, pk: int) -> Response:
        return self._changed(pk, Said(active=False))

    def _changed(self, pk: int, said: Said) -> Response:
        change(self.row(Integration, pk), said, by=self.user.username)
        return Response(self.told(pk))


# What it sees is by the kind of site either projects or repositories.
CHECKED_ANSWER = {
    "site": str,
    "deployment": str,
    "account": str,
    "projects": Maybe([str]),
    "repositories": Maybe([str]),
    "problems": [str],
}


class CheckView(OfIntegrations):
    """POST: asks the site who Pulse is there, and what it sees."""

    answers = {"POST": CHECKED_ANSWER}

    def post(self, request: Request, pk: int) -> Response:
        integration = self.row(Integration, pk)
        report = check_integration(integration)
        return Response(
            {
                "site": report.site,
                "deployment": report.deployment,
                "account": report.account,
                containers_of(integration): [project.key for project in report.projects],
                "problems": list(report.problems),
            }
        )


class ProvidersView(ApiView):
    """GET: the kinds of sites, with the settings that each takes."""

    answers = {"GET": Results({"name": str, "label": str, "settings": [dict[str, Any]]})}

    def get(self, request: Request) -> Response:
        return Response({"results": [_told(get_provider(name)) for name in provider_names()]})


def _told(provider: Provider) -> dict[str, Any]:
    settings = [_setting(field) for field in provider.settings]
    return {"name": provider.name, "label": provider.label, "settings": settings}


def _setting(field: SettingField) -> dict[str, Any]:
    """A setting; ``minimum`` and ``maximum`` are None where it is no number."""
    low, high = field.number or (None, None)
    return {
        "name": field.name,
        "help": field.help,
        "required": field.required,
        "secret": field.secret,
        "default": field.default,
        "minimum": low,
        "maximum": high,
    }
