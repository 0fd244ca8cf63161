"""Jobs, their runs, and what happened in them."""

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Now

from etl.jobs.job_settings import InvalidSettings, JobSettings
from integrations.models import Integration
from pulse.postgres.comments import commented
from pulse.tenancy.models import TenantOwned


class Overall(models.TextChoices):
    """The state of a job, and of a run.

    NOT_STARTED → READY → RUNNING → FINISHED / FAILED → READY …
                             ↓ ↑
                           PAUSED;  RUNNING, PAUSED → STOPPED → READY
    """

    NOT_STARTED = "NOT_STARTED"
    READY = "READY"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"


class StageState(models.TextChoices):
    IDLE = "idle"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"


# The states of a stage that is over.
OVER = (StageState.FINISHED, StageState.FAILED)


class RunKind(models.TextChoices):
    """Only sync and reprocess write the job's status, and an integration has one open run of those."""

    SYNC = "sync"
    REPROCESS = "reprocess"
    REPAIR = "repair"
    DISCOVERY = "discovery"
    IMPORT = "import"
    WEBHOOK = "webhook"


JOB_KINDS = (RunKind.SYNC, RunKind.REPROCESS)
# The states of a run in which units of it may wait.
UNDER_WAY = (Overall.RUNNING, Overall.PAUSED)


@commented(
    "Recurring syncs, one for each integration",
    integration="integrations.id of the site that is synced",
    name="What people call the job, unique in the integration",
    order="Place in the turn of the tenant's jobs, the lowest first",
    status="JSON: overall (NOT_STARTED, READY, RUNNING, PAUSED, STOPPED, FINISHED, FAILED), steps with their stages",
    version="Grows with each change of status, so that watchers know the newest",
    next_run="When it is to run next, UTC; NULL: nothing is planned",
    scheduled_run="What the schedule set next_run to, UTC; another value there: a person did. NULL: not set",
    queued_at="When workers were last told that it is READY, UTC; NULL: never",
    last_run_started_at="When its last run began, UTC; NULL: it never ran",
    last_run_finished_at="When its last run ended, well or not, UTC; NULL: none did",
    last_sync_date="When the last sync began that finished and was not restricted, UTC; NULL: none did",
    retransform_due_at="When a changed mapping is to be applied to what was loaded before, UTC; NULL: none waits",
    fields_profiled_at="When the use of custom fields was last looked at, UTC; NULL: never",
    retry_count="How many of its syncs have failed since one finished",
    error_message="Why its last run failed in part or whole; empty: it did not",
    settings="JSON object: the schedule, and under config the defaults of its runs",
)
class EtlJob(TenantOwned):
    """One integration's recurring sync. `etl.jobs.lifecycle` and `etl.jobs.advance` alone write its status."""

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="jobs", db_index=False)
    name = models.CharField(max_length=200)
    order = models.PositiveIntegerField(default=1)
    status = models.JSONField(default=dict)
    version = models.BigIntegerField(default=0, db_default=0, editable=False)
    next_run = models.DateTimeField(null=True, blank=True)
    scheduled_run = models.DateTimeField(null=True, editable=False)
    queued_at = models.DateTimeField(null=True, editable=False)
    last_run_started_at = models.DateTimeField(null=True, blank=True)
    last_run_finished_at = models.DateTimeField(null=True, blank=True)
    last_sync_date = models.DateTimeField(null=True, blank=True)
    retransform_due_at = models.DateTimeField(null=True, editable=False)
    fields_profiled_at = models.DateTimeField(null=True, editable=False)
    retry_count = models.PositiveIntegerField(default=0)
    error_message = models.TextField(default="", blank=True)
    settings = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "etl_jobs"
        verbose_name = "job"
        ordering = ["order", "id"]
        constraints = [models.UniqueConstraint(fields=["tenant", "integration", "name"], name="etl_jobs_name")]
        indexes = [models.Index(fields=["next_run"], condition=models.Q(active=True), name="etl_jobs_due")]

    def __str__(self) -> str:
        return self.name

    @property
    def overall(self) -> Overall:
        return Overall(self.status.get("overall", Overall.NOT_STARTED))

    def clean(self) -> None:
        """Raises ValidationError where a setting is unknown or cannot be, naming it and its value."""
        try:
            JobSettings.parse(self.settings, self.integration)
        except InvalidSettings as error:
            raise ValidationError({"settings": str(error)}) from error


@commented(
    "Runs of jobs; figures are summed when a run ends",
    job="etl_jobs.id of the job that ran",
    integration="integrations.id of the site that it read",
    kind="sync, reprocess, repair, discovery, import or webhook",
    status="READY (a discovery that no worker began yet), RUNNING, PAUSED, STOPPED, FINISHED or FAILED",
    trigger="What began it: schedule, webhook, command, or who did",
    config="JSON object of what it was asked for, such as full_sync or only some projects",
    warning="What went less than well without failing, separated by semicolons; empty: nothing",
    error_message="The first error of its units, or why it could not go on; empty: none",
    queued_at="When a worker was last told to begin it, UTC; NULL: never, of all but discoveries",
    started_at="When it began, UTC",
    finished_at="When it ended, UTC; NULL: not yet",
    execution_time="Seconds from start to end, without pauses; NULL: not over yet",
    stage_seconds="JSON object: seconds in which extraction, transform and embedding each were at work",
    records_processed="How many records its answers were transformed into",
    errors_encountered="How many of its units failed, of all stages",
    quarantined="How many of its records could not be loaded and were not mended when it ended",
    memory_usage="Highest peak of the processes that worked on it, MiB; NULL: not over yet",
    api_calls_made="How many pages it fetched from the site, each with one call",
    vectorization_queued="How many texts of rows were to be embedded in it",
)
class EtlJobRun(TenantOwned):
    """One execution of a job. Its figures are summed from its units when it ends."""

    job = models.ForeignKey(EtlJob, on_delete=models.PROTECT, related_name="runs", db_index=False)
    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=20, choices=RunKind, default=RunKind.SYNC)
    status = models.CharField(max_length=20, choices=Overall, default=Overall.RUNNING)
    trigger = models.CharField(max_length=50, default="schedule")
    config = models.JSONField(default=dict)
    warning = models.TextField(default="", blank=True)
    error_message = models.TextField(default="", blank=True)
    queued_at = models.DateTimeField(null=True, editable=False)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)
    execution_time = models.FloatField(null=True, blank=True)
    stage_seconds = models.JSONField(default=dict, blank=True)
    records_processed = models.PositiveIntegerField(default=0)
    errors_encountered = models.PositiveIntegerField(default=0)
    quarantined = models.PositiveIntegerField(default=0)
    memory_usage = models.FloatField(null=True, blank=True)
    api_calls_made = models.PositiveIntegerField(default=0)
    vectorization_queued = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "etl_job_runs"
        verbose_name = "run"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["integration"],
                condition=models.Q(kind__in=JOB_KINDS, status__in=(Overall.RUNNING, Overall.PAUSED)),
                name="etl_job_runs_one_open",
            )
        ]
        indexes = [
            models.Index(fields=["id"], condition=models.Q(status=Overall.RUNNING), name="etl_job_runs_running"),
            models.Index(fields=["tenant", "-id"], name="etl_job_runs_recent"),
            models.Index(fields=["job", "kind", "-finished_at"], name="etl_job_runs_ended"),
            models.Index(fields=["job", "-id"], name="etl_job_runs_of_job"),
            models.Index(fields=["job", "-id"], condition=models.Q(kind="sync"), name="etl_job_runs_syncs"),
            models.Index(
                fields=["job", "-id"], condition=models.Q(kind="sync", trigger="schedule"), name="etl_job_runs_turns"
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.pk} of {self.job}"

    @property
    def born(self) -> str:
        """The state of units that others of this run bring forth: of a run that is over they are not to be taken."""
        return "pending" if self.status in UNDER_WAY else "cancelled"


@commented(
    "Steps of runs, and how far each is",
    run="etl_job_runs.id of the run that it is a step of",
    step="Name of the step, as its provider declares it",
    order="Place in which people see it, the lowest first",
    display_name="What people call the step",
    feeders="JSON list of the steps that must be over before this one is planned",
    planned_at="When its units were made, UTC; NULL: not yet",
    extraction="How far fetching is: idle, running, finished or failed",
    transform="How far transforming and loading are: idle, running, finished or failed",
    embedding="How far embedding is: idle, running, finished or failed",
    times="JSON: for each stage that began its started_at and, once over, finished_at, ISO 8601",
)
class EtlJobRunStep(TenantOwned):
    """One step of a run, and where its three stages stand.

    ``times`` are ``{"extraction": {"started_at": …, "finished_at": …}}``, without what did not happen yet.
    """

    run = models.ForeignKey(EtlJobRun, on_delete=models.CASCADE, related_name="steps", db_index=False)
    step = models.CharField(max_length=100)
    order = models.PositiveSmallIntegerField()
    display_name = models.CharField(max_length=100)
    feeders = models.JSONField(default=list)
    planned_at = models.DateTimeField(null=True)
    extraction = models.CharField(max_length=10, choices=StageState, default=StageState.IDLE)
    transform = models.CharField(max_length=10, choices=StageState, default=StageState.IDLE)
    embedding = models.CharField(max_length=10, choices=StageState, default=StageState.IDLE)
    times = models.JSONField(default=dict)

    class Meta:
        db_table = "etl_job_run_steps"
        verbose_name = "step of a run"
        verbose_name_plural = "steps of runs"
        ordering = ["order"]
        constraints = [models.UniqueConstraint(fields=["run", "step"], name="etl_job_run_steps_step")]

    def __str__(self) -> str:
        return f"{self.step} of run {self.run_id}"


@commented(
    "Lines of the runs' logs",
    run="etl_job_runs.id of the run whose log it is in",
    level="info, warning or error",
    stage="extraction, transform or embedding; empty: of none",
    step="etl_job_run_steps.step that it is about; empty: the whole run",
    message="What happened, in words",
    context="JSON object of the details, such as the status that the run moved to",
)
class EtlJobEvent(TenantOwned):
    """One line of a run's log."""

    run = models.ForeignKey(EtlJobRun, on_delete=models.CASCADE, related_name="events", db_index=False)
    level = models.CharField(max_length=10, default="info")
    stage = models.CharField(max_length=20, default="", blank=True)
    step = models.CharField(max_length=100, default="", blank=True)
    message = models.TextField()
    context = models.JSONField(default=dict)

    class Meta:
        db_table = "etl_job_events"
        verbose_name = "event"
        indexes = [
            models.Index(fields=["run", "id"], name="etl_job_events_run"),
            models.Index(fields=["created_at"], name="etl_job_events_old"),
            models.Index(fields=["tenant", "id"], name="etl_job_events_tenant"),
            # Changes of a run's state: a few of its thousands of events.
            models.Index(
                fields=["run", "id"], condition=models.Q(context__has_key="status"), name="etl_job_events_states"
            ),
        ]

    def __str__(self) -> str:
        return self.message
