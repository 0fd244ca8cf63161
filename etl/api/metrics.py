"""`metrics`: how work flows: how many, how long, how old, by project, team and period (see `etl.metrics`)."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from custommapping.models import Project
from etl.api.base import ApiView
from etl.api.describing import Body, Maybe, Results
from etl.api.errors import NoSuchRow
from etl.api.forms import Form, IdField, NamesField, OneOfField
from etl.metrics import flow, pull_requests
from etl.metrics.asking import PERCENTILES, Figure, Period, Question, Spread

USUAL_DAYS = 90
MOST_DAYS = 3660
# Whatever is asked for, what lies before and after it are dates too.
EARLIEST, LATEST = date(1970, 1, 1), date(2999, 12, 31)


RANGE = {"from": date, "to": date}


def told(groups: Iterable[str], figures: Iterable[Figure]) -> dict[str, Body]:
    """What the schema says of the figures of a group, and of what it is called where groups are asked for."""
    percentiles: Body = dict.fromkeys(PERCENTILES, float | None)
    names: dict[str, Body] = {name: Maybe(str | None) for name in groups}
    return names | {figure.name: percentiles if isinstance(figure, Spread) else figure.type for figure in figures}


FINISHED = told((*flow.GROUPS, "period"), flow.FINISHED)
MERGED = told((*pull_requests.GROUPS, "period"), pull_requests.MERGED)


class NowForm(Form):
    """``by`` names what the figures are told apart by; the others narrow what is counted."""

    groups: ClassVar[tuple[str, ...]] = tuple(flow.GROUPS)
    integration_id = IdField(required=False)
    project = serializers.CharField(required=False, max_length=255)
    team = serializers.CharField(required=False, max_length=1000, trim_whitespace=False)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "by": NamesField(self.groups, default=())}


class PeriodForm(NowForm):
    """``from`` and ``to`` are days, both included; the last 90 where they are not given."""

    period = OneOfField(Period, required=False)

    def get_fields(self) -> dict[str, Any]:
        days = {"from": serializers.DateField(required=False), "to": serializers.DateField(required=False)}
        return {**super().get_fields(), **days}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Fills in the days that are not given."""
        last: date = attrs.get("to") or max(datetime.now(UTC).date(), attrs.get("from", date.min))
        if not EARLIEST <= last <= LATEST:
            raise serializers.ValidationError({"to": f"{last} is not from {EARLIEST} to {LATEST}"})
        first: date = attrs.get("from") or last - timedelta(days=USUAL_DAYS - 1)
        if first > last:
            raise serializers.ValidationError({"from": f"{first} is after {last}"})
        if (last - first).days >= MOST_DAYS:
            raise serializers.ValidationError({"from": f"{first} is more than {MOST_DAYS} days before {last}"})
        return {**attrs, "from": first, "to": last}


class PrsNowForm(NowForm):
    """``bots`` has those of bots counted too."""

    groups = tuple(pull_requests.GROUPS)
    bots = serializers.BooleanField(default=False)


class PrsPeriodForm(PeriodForm):
    """The same of a time."""

    groups = tuple(pull_requests.GROUPS)
    bots = serializers.BooleanField(default=False)


class _Metrics(ApiView):
    def question(self) -> Question:
        """What the form asks for. Raises NoSuchRow."""
        given, today = self.given, datetime.now(UTC).date()
        return Question(
            tenant_id=self.tenant.pk,
            first=given.get("from", today),
            last=given.get("to", today),
            by=given["by"],
            period=given.get("period") and Period(given["period"]),
            integration_id=self.integration().pk if "integration_id" in given else None,
            projects=self._projects(given["project"]) if "project" in given else None,
            team=given.get("team"),
        )

    def _projects(self, key: str) -> list[int]:
        """The projects of that key, of which each integration may have one."""
        found = list(self.rows(Project).filter(key=key).values_list("pk", flat=True))
        if not found:
            raise NoSuchRow("project", key)
        return found


class FlowView(_Metrics):
    """GET: the work items that were finished in a time."""

    forms = {"GET": PeriodForm}
    answers = {"GET": Results(FINISHED, RANGE)}

    def get(self, request: Request) -> Response:
        question = self.question()
        return Response({"from": question.first, "to": question.last, "results": flow.finished(question)})


class FlowNowView(_Metrics):
    """GET: the work items that are in progress now, and how old they are."""

    forms = {"GET": NowForm}
    answers = {"GET": Results(told(flow.GROUPS, flow.IN_PROGRESS))}

    def get(self, request: Request) -> Response:
        return Response({"results": flow.in_progress(self.question())})


class PrsView(_Metrics):
    """GET: the pull requests that were merged in a time."""

    forms = {"GET": PrsPeriodForm}
    answers = {"GET": Results(MERGED, RANGE)}

    def get(self, request: Request) -> Response:
        question = self.question()
        results = pull_requests.merged(question, bots=self.given["bots"])
        return Response({"from": question.first, "to": question.last, "results": results})


class PrsNowView(_Metrics):
    """GET: the pull requests that are open now, and how old they are."""

    forms = {"GET": PrsNowForm}
    answers = {"GET": Results(told(pull_requests.GROUPS, pull_requests.OPEN))}

    def get(self, request: Request) -> Response:
        return Response({"results": pull_requests.open_now(self.question(), bots=self.given["bots"])})
