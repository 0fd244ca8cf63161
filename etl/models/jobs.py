"""Jobs, their runs, and what happened in them."""

from django.db import models
from django.db.models.functions import Now

from integrations.models import Integration
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


class RunKind(models.TextChoices):
    """Only sync and reprocess write the job's status, and a job has one open run of those."""

    SYNC = "sync"
    REPROCESS = "reprocess"
    REPAIR = "repair"
    DISCOVERY = "discovery"
    IMPORT = "import"
    WEBHOOK = "webhook"


JOB_KINDS = (RunKind.SYNC, RunKind.REPROCESS)


class EtlJob(TenantOwned):
    """One integration's recurring sync. `etl.jobs.lifecycle` and `etl.jobs.advance` alone write its status.

    ``retransform_due_at`` is set while a mapping was changed and not applied yet to what was loaded before,
    ``fields_profiled_at`` when somebody last began to look how much custom fields are used.
    """

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="jobs", db_index=False)
    name = models.CharField(max_length=200)
    order = models.PositiveIntegerField(default=1)
    status = models.JSONField(default=dict)
    version = models.BigIntegerField(default=0, db_default=0, editable=False)
    next_run = models.DateTimeField(null=True, blank=True)
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


class EtlJobRun(TenantOwned):
    """One execution of a job. Its figures are summed from its units when it ends.

    ``execution_time`` is in seconds, ``memory_usage`` the process's peak in MiB. A discovery is READY until a worker
    begins it; ``queued_at`` is when it was last told to.
    """

    job = models.ForeignKey(EtlJob, on_delete=models.PROTECT, related_name="runs")
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
                fields=["job"],
                condition=models.Q(kind__in=JOB_KINDS, status__in=(Overall.RUNNING, Overall.PAUSED)),
                name="etl_job_runs_one_open",
            )
        ]
        indexes = [
            models.Index(fields=["id"], condition=models.Q(status=Overall.RUNNING), name="etl_job_runs_running"),
        ]

    def __str__(self) -> str:
        return f"run {self.pk} of {self.job}"


class EtlJobRunStep(TenantOwned):
    """One step of a run, and where its three stages stand."""

    run = models.ForeignKey(EtlJobRun, on_delete=models.CASCADE, related_name="steps", db_index=False)
    step = models.CharField(max_length=100)
    order = models.PositiveSmallIntegerField()
    display_name = models.CharField(max_length=100)
    feeders = models.JSONField(default=list)
    planned_at = models.DateTimeField(null=True)
    extraction = models.CharField(max_length=10, choices=StageState, default=StageState.IDLE)
    transform = models.CharField(max_length=10, choices=StageState, default=StageState.IDLE)
    embedding = models.CharField(max_length=10, choices=StageState, default=StageState.IDLE)

    class Meta:
        db_table = "etl_job_run_steps"
        ordering = ["order"]
        constraints = [models.UniqueConstraint(fields=["run", "step"], name="etl_job_run_steps_step")]

    def __str__(self) -> str:
        return f"{self.step} of run {self.run_id}"


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
        indexes = [models.Index(fields=["run", "id"], name="etl_job_events_run")]

    def __str__(self) -> str:
        return self.message
