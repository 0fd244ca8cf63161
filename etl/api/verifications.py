"""`verifications`: what comparisons of sites with what is stored have found. `jobs/{id}/verify` asks for one."""

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from etl.api.base import ApiView
from etl.api.describing import Page
from etl.api.forms import IdField, OneOfField, PageForm
from etl.models import Verification


class VerificationsForm(PageForm):
    integration_id = IdField(required=False)
    state = OneOfField(Verification.State.values, required=False)


class ShortVerificationAnswer(serializers.ModelSerializer[Verification]):
    """A comparison; ``score`` is the drift from 0 to 1, None until it is over; ``repair_id`` is the run that mends."""

    class Meta:
        model = Verification
        fields: tuple[str, ...] = (
            "id", "integration_id", "state", "trigger", "repairs", "score", "error_message", "repair_id", "created_at",
            "finished_at",
        )  # fmt: skip


class VerificationAnswer(ShortVerificationAnswer):
    """With ``report``: what was counted, by project."""

    class Meta(ShortVerificationAnswer.Meta):
        fields = (*ShortVerificationAnswer.Meta.fields, "report")


class VerificationsView(ApiView):
    """GET: the tenant's, the newest first, without their reports."""

    forms = {"GET": VerificationsForm}
    answers = {"GET": Page(ShortVerificationAnswer)}

    def get(self, request: Request) -> Response:
        rows = self.filtered(self.rows(Verification), "state").defer("report")
        return Response(self.page(rows, ["-id"], ShortVerificationAnswer))


class VerificationView(ApiView):
    """GET: one of them, with its report."""

    answers = {"GET": VerificationAnswer}

    def get(self, request: Request, pk: int) -> Response:
        return Response(VerificationAnswer(self.row(Verification, pk)).data)
