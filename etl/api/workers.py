"""`workers`: the processes that take messages, and telling them to begin anew. They are the installation's."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from etl.api.base import ForSuperusers, InstallationView, RoleAllows
from etl.api.describing import Answer
from etl.api.errors import NoSuchRow
from etl.api.forms import PageForm
from etl.api.paging import page
from etl.models import WorkerRow
from etl.workers import control
from etl.workers.control import WorkerState, WorkerStatus


class WorkersForm(PageForm):
    """``ended`` shows those too that are no more."""

    ended = serializers.BooleanField(default=False)


class WorkerAnswer(serializers.ModelSerializer[WorkerRow]):
    class Meta:
        model = WorkerRow
        fields = (
            "id", "host", "pid", "supervisor_pid", "stages", "tier", "threads", "memory_mib", "peak_mib", "units_done",
            "holding", "asked", "ended", "heartbeat_at", "created_at", "stopped_at",
        )  # fmt: skip


# For superusers also a page of them: ``results`` and ``next``.
COUNTED_ANSWER = {"alive": int, "silent": int, "threads": int, "by_stage": dict[str, int]}


class _Workers(InstallationView):
    def workers(self) -> QuerySet[WorkerRow]:
        """Those that the caller may count."""
        return control.serving(self.tier)


class WorkersView(_Workers):
    """GET: how many workers there are, and for superusers which."""

    forms = {"GET": WorkersForm}
    answers = {"GET": COUNTED_ANSWER}

    def get(self, request: Request) -> Response:
        answer = counted(control.workers(control.not_ended(self.workers())))
        return Response(answer | self._each() if self.user.is_superuser else answer)

    def _each(self) -> dict[str, Any]:
        rows = self.workers() if self.given["ended"] else control.not_ended(self.workers())
        return page(rows, ["-id"], self.given, _answers)


def counted(workers: Sequence[WorkerStatus]) -> dict[str, Any]:
    """How many are alive and silent; and of those alive, their threads and how many do which work."""
    alive = [worker.row for worker in workers if worker.state == WorkerState.ALIVE]
    return {
        "alive": len(alive),
        "silent": sum(worker.state == WorkerState.SILENT for worker in workers),
        "threads": sum(row.threads for row in alive),
        "by_stage": dict(sorted(Counter(stage for row in alive for stage in row.stages).items())),
    }


def _answers(rows: Sequence[WorkerRow]) -> list[dict[str, Any]]:
    found = control.workers(WorkerRow.objects.filter(pk__in=[row.pk for row in rows]).order_by("-id"))
    return [{**WorkerAnswer(worker.row).data, "state": worker.state} for worker in found]


class RestartView(_Workers):
    """POST: has a worker end what it has in hand and begin anew."""

    answers = {"POST": Answer({"asked": int}, 202)}
    permission_classes = (RoleAllows, ForSuperusers)

    def post(self, request: Request, pk: int) -> Response:
        if not self.workers().filter(pk=pk).exists():
            raise NoSuchRow("id", pk)
        control.restart(pk)
        return Response({"asked": 1}, status.HTTP_202_ACCEPTED)


class RestartAllView(_Workers):
    """POST: the same with all workers, or those that serve the tenant that is named."""

    answers = {"POST": Answer({"asked": int}, 202)}
    permission_classes = (RoleAllows, ForSuperusers)

    def post(self, request: Request) -> Response:
        return Response({"asked": control.restart_all(self.workers())}, status.HTTP_202_ACCEPTED)
