"""What operators look after: dead letters, quarantine, workers, webhooks, checks of what is stored."""

from django.db import models
from django.db.models.functions import Now

from etl.models.jobs import EtlJobRun
from integrations.models import Integration
from pulse.postgres.comments import commented
from pulse.tenancy.models import Tenant, TenantOwned, User


@commented(
    "Messages that were given up, for people to look at",
    tenant="tenants.id of the tenant whose work it was; NULL: the message did not tell",
    queue="Name of the queue that it was in",
    body="The message as the queue last held it",
    error="Why it was given up",
    attempt="How often it was tried",
    stage="extraction, transform or embedding; empty: no unit of work",
    unit_id="Id of the unit that failed, in the stage's table; NULL: it was none",
    run_id="etl_job_runs.id of the run that the unit is in; NULL: in none",
    cause="The error without its numbers and names: alike for messages that failed alike",
    state="open, replayed (sent again, or mended otherwise) or discarded",
    settled_at="When it was replayed or discarded, UTC; NULL: it is open",
    settled_by="users.id of the person who did; NULL: no person did, or the user is gone",
    active="false: switched off",
    created_at="When it was given up, UTC",
    last_updated_at="When Pulse changed the row last, UTC",
)
class DeadLetter(models.Model):
    """A message that was given up, as the queue last held it."""

    class State(models.TextChoices):
        OPEN = "open"
        REPLAYED = "replayed"
        DISCARDED = "discarded"

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    queue = models.CharField(max_length=100)
    body = models.TextField()
    error = models.TextField()
    attempt = models.PositiveIntegerField(default=1)
    stage = models.CharField(max_length=20, default="", blank=True, db_default="")
    unit_id = models.BigIntegerField(null=True, blank=True)
    run_id = models.BigIntegerField(null=True, blank=True)
    cause = models.CharField(max_length=200, default="", blank=True, db_default="")
    state = models.CharField(max_length=20, choices=State, default=State.OPEN)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    active = models.BooleanField(default=True, db_default=True)
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    last_updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        db_table = "etl_dead_letters"
        verbose_name = "dead letter"
        indexes = [
            models.Index(fields=["tenant", "state", "-id"], name="etl_dead_letters_recent"),
            models.Index(fields=["stage", "unit_id"], condition=models.Q(state="open"), name="etl_dead_letters_unit"),
            models.Index(fields=["created_at"], condition=models.Q(state="open"), name="etl_dead_letters_new"),
        ]

    def __str__(self) -> str:
        return f"{self.queue}: {self.error[:80]}"


@commented(
    "Records of answers that could not be loaded",
    integration="integrations.id of the site that the row came from",
    run="etl_job_runs.id of the run that met it last; NULL: of none",
    raw_data="raw_extraction_data.id of the answer that it is in; NULL: of none",
    step="etl_job_run_steps.step of that run; empty: none",
    table_name="Table that it was to be loaded into",
    external_id="The site's id of the record",
    path="Place in the answer, such as issues[3].fields.created",
    reason="Why it could not be loaded, with the field and its value",
    resolved_at="When a later answer loaded it after all, UTC; NULL: not yet",
)
class QuarantinedRecord(TenantOwned):
    """A record that could not be loaded. A later good load resolves it."""

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="+", db_index=False)
    run = models.ForeignKey(EtlJobRun, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)
    raw_data = models.ForeignKey("etl.RawExtractionData", on_delete=models.CASCADE, null=True, related_name="+")
    step = models.CharField(max_length=100, default="", blank=True)
    table_name = models.CharField(max_length=63)
    external_id = models.CharField(max_length=255)
    path = models.CharField(max_length=500)
    reason = models.TextField()
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "quarantined_records"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "integration", "table_name", "external_id"], name="quarantined_records_one"
            )
        ]
        indexes = [
            models.Index(fields=["run"], condition=models.Q(resolved_at=None), name="quarantined_records_open"),
        ]

    def __str__(self) -> str:
        return f"{self.table_name} {self.external_id}: {self.reason[:80]}"


@commented(
    "What a repair's listing said of work items; gone with the end of its run",
    tenant="tenants.id of the tenant that the row belongs to",
    run="etl_job_runs.id of the repair",
    external_id="work_items.external_id that the site listed",
    key="Key that it has there, such as PAY-12",
    project_external_id="projects.external_id of the project that it is in there",
    status_external_id="statuses.external_id of the status that it is in there",
    updated="When it changed last there, UTC",
)
class ListedItemRow(models.Model):
    """What a repair run's listing said of a work item; gone with the end of the run."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    run = models.ForeignKey(EtlJobRun, on_delete=models.CASCADE, related_name="+", db_index=False)
    external_id = models.CharField(max_length=255)
    key = models.CharField(max_length=255)
    project_external_id = models.CharField(max_length=255)
    status_external_id = models.CharField(max_length=255)
    updated = models.DateTimeField()

    class Meta:
        db_table = "etl_listed_items"
        constraints = [models.UniqueConstraint(fields=["run", "external_id"], name="etl_listed_items_one")]

    def __str__(self) -> str:
        return self.key


@commented(
    "Processes that work, or did, and what they have in hand",
    host="Name of the machine that it runs on",
    pid="Id of the process on that machine",
    supervisor_pid="Id of the process that started it and others; NULL: none did",
    stages="JSON list of what it does: extraction, transform, embedding",
    tier="tenants.tier of those it works for, several separated by commas; all: of all tiers",
    threads="How many units it works on at the same time, for each stage",
    memory_mib="Memory that it has now, MiB; NULL: not known",
    peak_mib="The most memory that it had, MiB; NULL: not known",
    units_done="How many units of work it has ended",
    holding="JSON list of the units in hand, with stage, ids, run_id, step and since",
    asked="What it was told to do and has not done yet: restart; empty: nothing",
    ended="Why it is no more: stopped, restarted, memory, units, died or silent; empty: it is there",
    active="false: it has ended",
    heartbeat_at="When it last said that it is there, UTC",
    stopped_at="When it ended, UTC; NULL: it has not",
    created_at="When it began, UTC",
    last_updated_at="When the row changed last, UTC",
)
class WorkerRow(models.Model):
    """A process that takes messages. ``host`` and ``supervisor_pid`` are alike for those that one command runs."""

    class Asked(models.TextChoices):
        NOTHING = ""
        RESTART = "restart"

    class Ended(models.TextChoices):
        NOT = ""
        STOPPED = "stopped"
        RESTARTED = "restarted"
        MEMORY = "memory"
        UNITS = "units"
        DIED = "died"
        SILENT = "silent"

    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    supervisor_pid = models.PositiveIntegerField(null=True)
    stages = models.JSONField(default=list)
    tier = models.CharField(max_length=20)
    threads = models.PositiveSmallIntegerField(default=1)
    memory_mib = models.FloatField(null=True)
    peak_mib = models.FloatField(null=True)
    units_done = models.PositiveBigIntegerField(default=0, db_default=0)
    holding = models.JSONField(default=list)
    asked = models.CharField(max_length=20, choices=Asked, default=Asked.NOTHING, db_default="", blank=True)
    ended = models.CharField(max_length=20, choices=Ended, default=Ended.NOT, db_default="", blank=True)
    active = models.BooleanField(default=True, db_default=True)
    heartbeat_at = models.DateTimeField(db_default=Now())
    stopped_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    last_updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        db_table = "workers"
        verbose_name = "worker"
        indexes = [models.Index(fields=["heartbeat_at"], name="workers_heartbeat")]

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


@commented(
    "Deliveries of the sites' webhooks, so that none is taken twice",
    integration="integrations.id of the site that sent it",
    delivery_id="Id that the site gave the delivery",
    event="What it is about, in the site's words",
    raw_data="raw_extraction_data.id of what it brought; NULL: nothing that was stored",
)
class WebhookDelivery(TenantOwned):
    """One delivery of a site's webhook; its id keeps a second delivery from being taken for another."""

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="+", db_index=False)
    delivery_id = models.CharField(max_length=255)
    event = models.CharField(max_length=100)
    raw_data = models.ForeignKey(
        "etl.RawExtractionData", on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )

    class Meta:
        db_table = "webhook_deliveries"
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "integration", "delivery_id"], name="webhook_deliveries_id")
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.delivery_id}"


@commented(
    "Comparisons of what the sites have with what is stored of it",
    integration="integrations.id of the site that is compared",
    state="requested, running, finished or failed",
    trigger="What began it: schedule, command, or who did",
    repairs="Whether a run is to mend what differs",
    score="How much differs: 0 nothing, 1 everything; NULL: not finished",
    report="JSON object of what was found, see docs/verifying.md",
    error_message="Why it failed; empty: it did not",
    repair="etl_job_runs.id of the run that mends what differs; NULL: none",
    wake_at="When a worker is to be told of it again, UTC; NULL: not to be",
    tries="How many passing errors it met",
    finished_at="When it ended, UTC; NULL: not yet",
)
class Verification(TenantOwned):
    """A comparison of what an integration's site has with what is stored of it.

    While it is open, ``wake_at`` is when a worker is to be told of it again: it has to wait, or its worker has died.
    """

    class State(models.TextChoices):
        REQUESTED = "requested"
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=20, choices=State, default=State.REQUESTED)
    trigger = models.CharField(max_length=50, default="schedule")
    repairs = models.BooleanField(default=False)
    score = models.FloatField(null=True, blank=True)
    report = models.JSONField(default=dict)
    error_message = models.TextField(default="", blank=True)
    repair = models.ForeignKey(EtlJobRun, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    wake_at = models.DateTimeField(null=True, editable=False)
    tries = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "etl_verifications"
        indexes = [models.Index(fields=["integration", "-id"], name="etl_verifications_recent")]
        constraints = [
            models.UniqueConstraint(
                fields=["integration"],
                condition=models.Q(state__in=("requested", "running")),
                name="etl_verifications_one_open",
            )
        ]

    def __str__(self) -> str:
        return f"verification {self.pk} of {self.integration}"
