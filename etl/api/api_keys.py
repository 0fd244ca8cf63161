"""`api-keys`: what a tenant's programs come in with. For its administrators, and for no program."""

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from etl.api.base import ApiView, ForPeople, RoleAllows
from etl.api.describing import Answer, Page, With
from etl.api.forms import Form, OneOfField, PageForm
from pulse.tenancy import keys
from pulse.tenancy.models import ApiKey, Role

LONGEST_NAME = 200
MOST_SCOPES = 100
LONGEST_SCOPE = 100


class KeyAnswer(serializers.ModelSerializer[ApiKey]):
    """A key, known by its ``prefix``. ``created_by`` is who made it; None where that user is gone."""

    created_by = serializers.CharField(source="created_by.username", default=None)

    class Meta:
        model = ApiKey
        fields = (
            "id", "name", "prefix", "role", "scopes", "active", "expires_at", "last_used_at", "created_by",
            "created_at", "last_updated_at",
        )  # fmt: skip


class KeyForm(Form):
    """What is left out stays as it is. ``scopes`` empty means all of the API, ``expires_at`` null never."""

    name = serializers.CharField(required=False, max_length=LONGEST_NAME)
    role = OneOfField(Role.values, required=False)
    scopes = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_SCOPE), required=False, max_length=MOST_SCOPES
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class NewKeyForm(KeyForm):
    name = serializers.CharField(max_length=LONGEST_NAME)


class ChangedKeyForm(KeyForm):
    active = serializers.BooleanField(required=False)


class _Keys(ApiView):
    permission_classes = (RoleAllows, ForPeople)
    roles = dict.fromkeys(("GET", "HEAD", "POST", "PATCH", "DELETE"), Role.ADMINISTRATOR)


class ApiKeysView(_Keys):
    """GET: the tenant's keys. POST: makes one, and tells its text this once."""

    forms = {"GET": PageForm, "POST": NewKeyForm}
    answers = {"GET": Page(KeyAnswer), "POST": Answer(With(KeyAnswer, {"key": str}), 201)}

    def get(self, request: Request) -> Response:
        rows = self.rows(ApiKey).select_related("created_by")
        return Response(self.page(rows, ["name", "id"], KeyAnswer))

    def post(self, request: Request) -> Response:
        key = ApiKey(tenant=self.tenant)
        text = keys.create_key(key, self.given, by=self.user)
        return Response({**KeyAnswer(key).data, "key": text}, status.HTTP_201_CREATED)


class ApiKeyView(_Keys):
    """GET, PATCH and DELETE one key. Who has its text comes in no more once it is deleted, or not active."""

    forms = {"PATCH": ChangedKeyForm}
    answers = {"GET": KeyAnswer, "PATCH": KeyAnswer, "DELETE": {"deleted": int}}

    def get(self, request: Request, pk: int) -> Response:
        return Response(KeyAnswer(self.row(ApiKey, pk)).data)

    def patch(self, request: Request, pk: int) -> Response:
        return Response(KeyAnswer(keys.change_key(self.row(ApiKey, pk), self.given)).data)

    def delete(self, request: Request, pk: int) -> Response:
        keys.withdraw(self.row(ApiKey, pk))
        return Response({"deleted": pk})
