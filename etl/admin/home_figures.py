"""What the home page tells of what goes on, and of what wants looking after. With few queries, none of a big table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.db.models import Count, Min, Model, Q, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.utils import timezone
from django.utils.text import Truncator

from etl.admin.behind import list_of
from etl.alerts.jobs import duration, subject_of
from etl.live.cards import LATE, late
from etl.models import Alert, Cause, DeadLetter, EtlJob, EtlJobRun, EtlJobRunStep, Overall, RunKind, WorkerRow
from etl.models.jobs import OVER
from etl.queue.topology import Stage, Tier
from etl.workers import control
from etl.workers.control import WorkerState
from integrations.models import Integration, IntegrationLimit
from pulse.tenancy.models import Tenant
from pulse.tenancy.scoping import person

Card = dict[str, Any]
Entry = dict[str, Any]

MOST_LISTED, MOST_COUNTED = 6, 1000
DAYS_OF_ROWS = 14
ERROR_CHARACTERS = 200


@dataclass(frozen=True)
class Listed:
    """The first of some rows, as dictionaries, and how many there are: more than `MOST_COUNTED` are not counted."""

    rows: Sequence[dict[str, Any]]
    count: int

    @classmethod
    def of(cls, rows: QuerySet[Any], *columns: str) -> "Listed":
        """With one query where there are few of them, else with two."""
        found = list(rows.values("pk", *columns)[: MOST_LISTED + 1])
        count = len(found) if len(found) <= MOST_LISTED else counted(rows)
        return cls(found[:MOST_LISTED], count)


def counted(rows: QuerySet[Any]) -> int:
    """How many rows there are; one more than `MOST_COUNTED` stands for all that are more."""
    return rows.order_by()[: MOST_COUNTED + 1].count()


def shown(count: int) -> str:
    return f"{MOST_COUNTED:,}+" if count > MOST_COUNTED else f"{count:,}"


class Home:
    """What a person sees of it: the rows of their tenant, and of those only what their role may see."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._now = timezone.now()
        self._jobs = self._rows(EtlJob)

    def told(self) -> dict[str, Any]:
        """All of it, as JSON."""
        return {
            "at": timezone.localtime(self._now).strftime("%H:%M:%S"),
            "steps": self._first_steps(),
            "cards": self._cards(),
            "running": self._running_runs(),
            "attention": self._attention(),
            "rows": self._rows_by_day(),
        }

    def _page(self, model: type[Model]) -> Any:
        return admin.site._registry[model]

    def _rows(self, model: type[Model]) -> QuerySet[Any]:
        """Those of the model's own pages; none where the person may not open these."""
        page = self._page(model)
        if not page.has_view_permission(self._request):
            return model._default_manager.none()
        rows: QuerySet[Any] = page.get_queryset(self._request)
        return rows.order_by("pk")

    # What there is

    @cached_property
    def _numbers(self) -> dict[str, Any]:
        """Of all jobs."""
        numbers: dict[str, Any] = self._jobs.order_by().aggregate(
            jobs=Count("pk"),
            synced=Count("last_sync_date"),
            paused=Count("pk", filter=Q(status__overall=Overall.PAUSED)),
            next=Min("next_run", filter=Q(next_run__gt=self._now)),
        )
        return numbers

    @cached_property
    def _running(self) -> Listed:
        runs = self._rows(EtlJobRun).filter(status=Overall.RUNNING)
        return Listed.of(runs, "job__name", "integration__name", "kind", "started_at")

    @cached_property
    def _failed(self) -> Listed:
        failed = self._jobs.filter(status__overall=Overall.FAILED).order_by("-last_run_finished_at")
        return Listed.of(failed, "name", "integration__name", "error_message", "last_run_finished_at")

    @cached_property
    def _overdue(self) -> Listed:
        """The jobs that should have begun long ago."""
        return Listed.of(self._jobs.filter(late()).order_by("next_run"), "name", "integration__name", "next_run")

    @cached_property
    def _blocked(self) -> Listed:
        limits = self._rows(IntegrationLimit).filter(blocked_until__gt=self._now, integration__active=True)
        return Listed.of(limits.order_by("blocked_until"), "integration__name", "blocked_until", "errors_in_a_row")

    @cached_property
    def _alerts(self) -> QuerySet[Any]:
        return self._rows(Alert).filter(resolved_at=None)

    @cached_property
    def _per_day(self) -> list[dict[str, Any]]:
        """Of each day of the person's time zone on which runs ended: rows loaded, and how many runs failed."""
        ended = self._rows(EtlJobRun).filter(
            # So that the index on jobs, kinds and ends of runs is used.
            job__in=self._jobs.order_by().values("pk"),
            kind__in=RunKind.values,
            finished_at__gte=self._midnight(DAYS_OF_ROWS - 1),
        )
        days = ended.order_by().annotate(day=TruncDate("finished_at")).values("day")
        return list(days.annotate(rows=Sum("records_processed"), failed=Count("pk", filter=Q(status=Overall.FAILED))))

    def _midnight(self, days_ago: int) -> datetime:
        """When the day began, so many days ago."""
        day = timezone.localdate(self._now) - timedelta(days=days_ago)
        return timezone.make_aware(datetime.combine(day, time()))

    # Cards

    def _cards(self) -> list[Card]:
        cards = [self._running_card(), self._failed_card(), self._overdue_card(), self._alerts_card()]
        return [card for card in [*cards, self._letters_card(), self._blocked_card(), self._workers_card()] if card]

    def _card(self, name: str, model: type[Model], count: int, note: str, how: str, /, **filters: Any) -> Card | None:
        """Leads to the list with these filters; None where the person may not open it."""
        if not self._page(model).has_view_permission(self._request):
            return None
        return {"name": name, "value": shown(count), "note": note, "link": list_of(model, **filters), "state": how}

    def _running_card(self) -> Card | None:
        paused, next_run = self._numbers["paused"], self._numbers["next"]
        note = f"next at {self._clock(next_run)}" if next_run else "nothing is planned"
        said = f"{paused} paused, {note}" if paused else note
        return self._card("Running now", EtlJobRun, self._running.count, said, "", status__exact=Overall.RUNNING)

    def _failed_card(self) -> Card | None:
        since = self._midnight(0)
        today = sum(entry["failed"] for entry in self._per_day if entry["day"] == timezone.localdate(since))
        note = f"{today} run{pluralize(today)} failed today" if today else "no run failed today"
        state = "bad" if self._failed.count else "good"
        return self._card("Failed jobs", EtlJob, self._failed.count, note, state, state=Overall.FAILED)

    def _overdue_card(self) -> Card | None:
        count, jobs = self._overdue.count, self._numbers["jobs"]
        return self._card("Overdue jobs", EtlJob, count, f"of {jobs} job{pluralize(jobs)}", _wrong(count), state=LATE)

    def _alerts_card(self) -> Card | None:
        return self._card(
            "Open alerts", Alert, count := counted(self._alerts), "", _wrong(count), resolved_at__isempty=1
        )

    def _letters_card(self) -> Card | None:
        count = counted(self._rows(DeadLetter).filter(state=DeadLetter.State.OPEN))
        return self._card("Open dead letters", DeadLetter, count, "", _wrong(count), state__exact=DeadLetter.State.OPEN)

    def _blocked_card(self) -> Card | None:
        count = self._blocked.count
        note = f"first until {self._clock(self._blocked.rows[0]['blocked_until'])}" if count else ""
        filters = {"blocked_until__gt": self._now.isoformat(timespec="seconds")}
        return self._card(
            "Blocked connections", IntegrationLimit, count, note, "warned" if count else "good", **filters
        )

    def _workers_card(self) -> Card | None:
        """Those that work for the person's tenant; superusers see all, and their list."""
        user = person(self._request)
        if not user.is_superuser and user.tenant is None:
            return None
        tier = Tier(user.tenant.tier) if user.tenant and not user.is_superuser else None
        states = [status.state for status in control.workers(control.not_ended(control.serving(tier)))]
        alive, silent = states.count(WorkerState.ALIVE), states.count(WorkerState.SILENT)
        note = f"{silent} silent" if silent else "" if alive else "nothing is worked on"
        state = "bad" if not alive else "warned" if silent else "good"
        link = list_of(WorkerRow, is_over="no") if user.is_superuser else None
        return {"name": "Workers alive", "value": shown(alive), "note": note, "link": link, "state": state}

    # Lists

    def _running_runs(self) -> list[Entry]:
        """The runs that have gone on for longest, with how many of their steps' stages are over."""
        stages = [stage.value for stage in Stage]
        found: dict[int, list[bool]] = {}
        steps = EtlJobRunStep.objects.filter(run__in=[run["pk"] for run in self._running.rows])
        for run_id, *states in steps.values_list("run", *stages):
            found.setdefault(run_id, []).extend(state in OVER for state in states)
        return [self._running_run(run, found.get(run["pk"], [])) for run in self._running.rows]

    def _running_run(self, run: dict[str, Any], stages: Sequence[bool]) -> Entry:
        lasted = duration(max(self._now - run["started_at"], timedelta()))
        note = f"{RunKind(run['kind']).label.lower()} for {lasted}, {sum(stages)} of {len(stages)} stages over"
        title = _job(run["job__name"], run["integration__name"])
        return {**_entry(EtlJobRun, run["pk"], title, note), "done": sum(stages), "all": len(stages)}

    def _attention(self) -> list[Entry]:
        """What failed, is late, or is held back; and alerts of what is not told by those, such as failed repairs."""
        failed = [
            _entry(
                EtlJob,
                job["pk"],
                f"{_job(job['name'], job['integration__name'])} failed",
                Truncator(job["error_message"]).chars(ERROR_CHARACTERS),
            )
            for job in self._failed.rows
        ]
        late = [
            _entry(
                EtlJob,
                job["pk"],
                f"{_job(job['name'], job['integration__name'])} is overdue",
                f"by {duration(self._now - job['next_run'])}",
            )
            for job in self._overdue.rows
        ]
        blocked = [
            _entry(
                IntegrationLimit,
                limit["pk"],
                f"{limit['integration__name']} is blocked",
                f"until {self._clock(limit['blocked_until'])}, {_in_a_row(limit['errors_in_a_row'])}",
            )
            for limit in self._blocked.rows
        ]
        untold = self._alerts.exclude(_about(Cause.RUN_FAILED, self._failed) | _about(Cause.JOB_OVERDUE, self._overdue))
        alerts = [
            _entry(Alert, alert["pk"], Truncator(alert["message"]).chars(ERROR_CHARACTERS), "")
            for alert in untold.order_by("-last_at").values("pk", "message")[:MOST_LISTED]
        ]
        return [*failed, *late, *blocked, *alerts]

    def _rows_by_day(self) -> dict[str, Any]:
        rows = {entry["day"]: entry["rows"] for entry in self._per_day}
        days = [self._midnight(ago) for ago in range(DAYS_OF_ROWS - 1, -1, -1)]
        links = [
            list_of(EtlJobRun, finished_at__gte=day.isoformat(), finished_at__lt=(day + timedelta(days=1)).isoformat())
            for day in days
        ]
        data = [rows.get(day.date(), 0) for day in days]
        dataset = {"label": "rows loaded", "data": data, "links": links}
        return {"type": "bar", "labels": [f"{day:%Y-%m-%d}" for day in days], "datasets": [dataset], "of": "Day"}

    # The first time

    def _first_steps(self) -> list[Entry]:
        """What to do until a first sync has ended well; then none."""
        if self._numbers["synced"]:
            return []
        has_tenant = not person(self._request).is_superuser or Tenant.objects.exists()
        connected = self._rows(Integration).exists()
        may_add = self._page(Integration).has_add_permission(self._request)
        where = reverse("admin:integrations_integration_add") if may_add else None
        tenant = _step("Add a tenant", "Whose data it will be", reverse("admin:tenancy_tenant_add"), has_tenant)
        return [
            *([] if has_tenant else [tenant]),
            _step(
                "Add a connection",
                "The site that data comes from, such as a Jira or GitHub, and how to log in there"
                if may_add
                else "An administrator of your tenant can do that",
                where,
                connected,
            ),
            _step(
                "Start its first sync",
                "Each connection has a job. The first sync reads everything, later ones what has changed",
                list_of(EtlJob),
                bool(self._running.count),
            ),
            _step(
                "See how work flows",
                "Cycle times, throughput and reviews, as soon as items are loaded",
                reverse("admin:etl_workitem_flow"),
                False,
            ),
        ]

    def _clock(self, moment: datetime) -> str:
        """In the person's time zone; the day too where it is another one."""
        local = timezone.localtime(moment)
        return f"{local:%H:%M}" if local.date() == timezone.localdate(self._now) else f"{local:%Y-%m-%d %H:%M}"


def _about(cause: Cause, jobs: Listed) -> Q:
    """Alerts of that cause about those of the jobs that are listed."""
    return Q(cause=cause, subject__in=[subject_of(job["pk"], RunKind.SYNC) for job in jobs.rows])


def _in_a_row(errors: int) -> str:
    return f"{errors} error{pluralize(errors)} in a row"


def _wrong(count: int) -> str:
    return "bad" if count else "good"


def _job(name: str, integration: str) -> str:
    """A job, with its integration where it is not called after it."""
    return name if name == integration else f"{name} ({integration})"


def _entry(model: type[Model], pk: int, title: str, note: str) -> Entry:
    options = model._meta
    return {
        "title": title,
        "note": note,
        "link": reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[pk]),
    }


def _step(title: str, note: str, link: str | None, done: bool) -> Entry:
    return {"title": title, "note": note, "link": link, "done": done}
