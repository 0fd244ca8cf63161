"""What a select of custom fields finds as people type."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import F, FloatField, Q, QuerySet
from django.db.models.functions import Cast, NullIf
from django.http import HttpRequest, JsonResponse

from custommapping.fitting import misfit
from custommapping.models import MAPPED_COLUMNS, CustomField
from etl.admin.mapping.shown import described
from integrations.models import Integration

FOUND_AT_ONCE = 20
LONGEST_TERM = 255


def choices(request: HttpRequest, integration: Integration) -> JsonResponse:
    """The fields of the integration that ``term`` names, the most used first, as select2 wants them.

    Those that cannot fill ``column`` come last, can be seen and not chosen.
    """
    column = request.GET.get("column", "")
    found = [_choice(column, field) for field in _named(integration, request.GET.get("term", ""))]
    # A site has hundreds of fields, seldom thousands; Python's sort keeps the order of use.
    fitting_first = sorted(found, key=lambda choice: "disabled" in choice)
    page = Paginator(fitting_first, FOUND_AT_ONCE).get_page(request.GET.get("page"))
    return JsonResponse({"results": list(page.object_list), "pagination": {"more": page.has_next()}})


def _named(integration: Integration, term: str) -> QuerySet[CustomField]:
    words = term.replace("\x00", "").strip()[:LONGEST_TERM]
    share = Cast(F("items_filled"), FloatField()) / NullIf(F("items_seen"), 0)
    rows = CustomField.objects.filter(tenant_id=integration.tenant_id, integration=integration, active=True)
    rows = rows.defer("examples", "operations")
    named = rows.filter(Q(name__icontains=words) | Q(external_id__icontains=words))
    return named.order_by(share.desc(nulls_last=True), "name", "id")


def _choice(column: str, field: CustomField) -> dict[str, Any]:
    reason = misfit(column, field) if column in MAPPED_COLUMNS else None
    choice: dict[str, Any] = {"id": field.external_id, "text": described(field)}
    return {**choice, "text": f"{described(field)} ({reason.split(',')[0]})", "disabled": True} if reason else choice
