"""`queues`: what they hold and how fast they move; `queues/health`: whether they are well. All tenants share them."""

from dataclasses import asdict

from rest_framework.request import Request
from rest_framework.response import Response

from etl.api.base import InstallationView
from etl.api.describing import Results
from etl.queue.broker import QueueStatistics
from etl.queue.topology import Stage, queue_for
from etl.workers import statistics


class QueuesView(InstallationView):
    """GET: each queue; for members those of their tenant's tier."""

    answers = {"GET": Results(QueueStatistics)}

    def get(self, request: Request) -> Response:
        return Response({"results": [asdict(queue) for queue in statistics.queues() if self._may_see(queue)]})

    def _may_see(self, queue: QueueStatistics) -> bool:
        return self.tier is None or queue.name in [queue_for(stage, self.tier) for stage in Stage]


class QueuesHealthView(InstallationView):
    """GET: the queues and workers in a few figures."""

    answers = {"GET": dict[str, dict[str, int]]}

    def get(self, request: Request) -> Response:
        return Response(statistics.health(self.tier))
