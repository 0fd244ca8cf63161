"""What moves a job: `jobs/{id}/start`, `pause`, `resume`, `stop`, `retry`, `reprocess`, `repair`, `verify`.

What cannot be done in the job's state is answered with 409 and the reason.
"""

from dataclasses import fields
from typing import Any

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from etl.api.describing import Answer
from etl.api.forms import Form
from etl.api.jobs import OfJob
from etl.api.runs import RunAnswer
from etl.api.verifications import VerificationAnswer
from etl.jobs import lifecycle
from etl.jobs.asked import RunRequest
from etl.models import EtlJobRun
from etl.verification import verify


class StartForm(Form):
    """What a run may be asked; its values are read by `RunRequest`."""

    def get_fields(self) -> dict[str, Any]:
        return {one.name: serializers.JSONField(required=False, allow_null=True) for one in fields(RunRequest)}


class VerifyForm(Form):
    """With ``repair`` what differs is mended."""

    repair = serializers.BooleanField(default=False)


def begun(run: EtlJobRun) -> Response:
    """The answer to what began a run, or has one go on: workers do the rest."""
    return Response(RunAnswer(run).data, status.HTTP_202_ACCEPTED)


class StartView(OfJob):
    """POST: begins a sync, of all or of what is asked."""

    forms = {"POST": StartForm}
    answers = {"POST": Answer(RunAnswer, 202)}

    def post(self, request: Request, pk: int) -> Response:
        asked = RunRequest.parse(self.given, self.job.integration)
        return begun(lifecycle.start(self.job.pk, trigger=self.trigger, config=asked.config()))


class PauseView(OfJob):
    """POST: no worker takes another unit of the open run until it is resumed."""

    answers = {"POST": RunAnswer}

    def post(self, request: Request, pk: int) -> Response:
        return Response(RunAnswer(lifecycle.pause(self.job.pk)).data)


class ResumeView(OfJob):
    """POST: the paused run goes on."""

    answers = {"POST": Answer(RunAnswer, 202)}

    def post(self, request: Request, pk: int) -> Response:
        return begun(lifecycle.resume(self.job.pk))


class StopView(OfJob):
    """POST: ends the open run; the job then waits for a person."""

    answers = {"POST": RunAnswer}

    def post(self, request: Request, pk: int) -> Response:
        return Response(RunAnswer(lifecycle.stop(self.job.pk)).data)


class RetryView(OfJob):
    """POST: what failed in the job's last run is tried again, in that run."""

    answers = {"POST": Answer(RunAnswer, 202)}

    def post(self, request: Request, pk: int) -> Response:
        return begun(lifecycle.retry(self.job.pk, trigger=self.trigger))


class ReprocessView(OfJob):
    """POST: makes everything anew from the stored answers, without a call to the site."""

    answers = {"POST": Answer(RunAnswer, 202)}

    def post(self, request: Request, pk: int) -> Response:
        return begun(lifecycle.reprocess(self.job.pk, trigger=self.trigger))


class RepairView(OfJob):
    """POST: looks for what drifted or was deleted at the site, and fetches it again."""

    answers = {"POST": Answer(RunAnswer, 202)}

    def post(self, request: Request, pk: int) -> Response:
        return begun(lifecycle.start_repair(self.job.pk, trigger=self.trigger))


class VerifyView(OfJob):
    """POST: has the site's counts compared with what is stored."""

    forms = {"POST": VerifyForm}
    answers = {"POST": Answer(VerificationAnswer, 202)}

    def post(self, request: Request, pk: int) -> Response:
        asked = verify.request(self.job.integration, trigger=self.trigger, repairs=self.given["repair"])
        return Response(VerificationAnswer(asked).data, status.HTTP_202_ACCEPTED)
