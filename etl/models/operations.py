"""What operators look after: dead letters, quarantine, workers, webhooks, checks of what is stored."""

from django.db import models
from django.db.models.functions import Now

from etl.models.jobs import EtlJobRun
from integrations.models import Integration
from pulse.tenancy.models import Tenant, TenantOwned, User


class DeadLetter(models.Model):
    """A message that was given up, as the queue last held it. ``tenant`` is empty where it could not be read.

    ``stage``, ``unit_id`` and ``run_id`` say which unit failed, where it was one. ``cause`` is alike for letters that
    failed alike: the error without its numbers and names.
    """

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


class QuarantinedRecord(TenantOwned):
    """A record that could not be loaded. ``path`` is its place in the raw answer. A later good load resolves it."""

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


class ListedItemRow(models.Model):
    """What a repair run's listing said of a work item; gone with the end of the run."""

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


class WorkerRow(models.Model):
    """A process that takes messages. ``host`` and ``supervisor_pid`` are alike for those that one command runs.

    ``memory_mib`` is what it has now, ``peak_mib`` the most it had. ``holding`` lists the units in hand:
    ``[{"stage", "ids", "run_id", "step", "since"}]``. ``asked`` is what it was told to do and has not done yet.
    ``ended`` says why it is no more.
    """

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


class Verification(TenantOwned):
    """A comparison of what an integration's site has with what is stored of it.

    ``report`` is what `etl.verification.verifying` found, ``score``
    the drift, 0 where all is alike and 1 where nothing is. ``repair`` is the run that mends what differs.
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
