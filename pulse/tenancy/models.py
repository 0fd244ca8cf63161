"""Who Pulse works for: tenants, their users, and the base of every row that belongs to a tenant."""

from collections.abc import Collection

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Now

from pulse.postgres.comments import commented
from pulse.postgres.scope import platform_scope
from pulse.tenancy.colours import check_colour
from pulse.tenancy.time_zones import check_time_zone


class Tier(models.TextChoices):
    """What a tenant has paid for: each tier has queues and workers of its own."""

    FREE = "free"
    BASIC = "basic"
    PREMIUM = "premium"
    ENTERPRISE = "enterprise"


@commented(
    "Customers of this installation; all other rows belong to one of them",
    name="Name of the customer, unique in this installation",
    tier="What the customer has paid for: free, basic, premium or enterprise; each has workers of its own",
    job_gap_minutes="Minutes between the end of one of its jobs and the start of the next",
    cycle_minutes="Minutes after which its jobs run again",
    colour="Its colour in the admin, as #1d4ed8; empty: Pulse's own",
    active="false: none of its jobs runs, and none of its users may log in",
    created_at="When the tenant was added, UTC",
    last_updated_at="When the row changed last, UTC",
)
class Tenant(models.Model):
    """A customer. Its active jobs run one after another, `job_gap_minutes` apart, and again after `cycle_minutes`."""

    name = models.CharField(max_length=200, unique=True)
    tier = models.CharField(max_length=20, choices=Tier, default=Tier.FREE)
    job_gap_minutes = models.PositiveIntegerField(default=15)
    cycle_minutes = models.PositiveIntegerField(default=60)
    colour = models.CharField(max_length=7, blank=True, default="", db_default="", validators=[check_colour])
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    last_updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        db_table = "tenants"
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(name="tenants_tier_known", condition=models.Q(tier__in=Tier.values)),
        ]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


@commented(
    "People who may log in",
    password="Hash of the password, never the password; begins with ! where there is none",  # noqa: S106
    last_login="When the person logged in last, UTC; NULL: never",
    is_superuser="Whether the person sees all tenants and may do everything",
    username="Name to log in with, unique in this installation",
    first_name="Given name; empty where not told",
    last_name="Family name; empty where not told",
    email="Address of e-mail; empty where not told",
    is_staff="Whether the person may open the admin",
    date_joined="When the user was added, UTC",
    tenant="tenants.id of the tenant whose data the person sees; NULL: of all, for superusers",
    role="What the person may do in the tenant: viewer, operator or administrator",
    time_zone="Time zone that the person reads the admin in, as Europe/Berlin; empty: UTC",
    is_active="false: the person cannot log in any more",
    created_at="When the row was added, UTC",
    last_updated_at="When the row changed last, UTC",
)
class User(AbstractUser):
    """A person. Superusers belong to no tenant and see all of them, or the one they chose; everybody else one."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, blank=True, related_name="users")
    role = models.CharField(max_length=20, choices=Role, default=Role.VIEWER)
    time_zone = models.CharField(max_length=64, blank=True, default="", db_default="", validators=[check_time_zone])
    is_active = models.BooleanField("active", default=True, db_column="active")
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    last_updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    chosen: Tenant | None = None
    """The one tenant that a superuser has chosen to look at (see `pulse.tenancy.choosing`); no column."""

    class Meta:
        db_table = "users"

    def validate_unique(self, exclude: Collection[str] | None = None) -> None:
        # Names are unique among all tenants' users, of whom an administrator sees only those of their own.
        with platform_scope():
            super().validate_unique(exclude)

    @property
    def may_enter(self) -> bool:
        """Whether this user may log in, and is shown anything: members while their tenant is active."""
        return self.is_active and (self.is_superuser or self.tenant is None or self.tenant.active)

    @property
    def sees_all(self) -> bool:
        """Whether this user looks at all tenants' rows."""
        return self.is_superuser and self.chosen is None

    @property
    def only_tenant_id(self) -> int | None:
        """The one tenant whose rows this user looks at; None: all of them, or nobody's."""
        if self.is_superuser:
            return self.chosen.pk if self.chosen else None
        return self.tenant_id

    def may_see(self, tenant_id: int) -> bool:
        """Whether rows of that tenant may be shown to this user."""
        return self.may_enter and (self.is_superuser or self.tenant_id == tenant_id)


@commented(
    tenant="tenants.id of the tenant that the row belongs to",
    active="false: gone at its source, or switched off",
    created_at="When Pulse added the row, UTC",
    last_updated_at="When Pulse changed the row last, UTC",
)
class TenantOwned(models.Model):
    """Base of every row that belongs to a tenant.

    ``tenant`` has no index of its own: each table's unique key or index starts with it.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    active = models.BooleanField(default=True, db_default=True)
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    last_updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        abstract = True


@commented(
    "Pictures of tenants, shown in the admin",
    tenant="tenants.id of the tenant that it pictures; at most one each",
    content_type="Type of the picture: image/png, image/jpeg or image/webp",
    content="The picture itself, as Pulse has encoded it",
)
class TenantLogo(TenantOwned):
    """A tenant's picture, as Pulse has encoded it itself; apart from the tenant, which every request loads."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="logo")
    content_type = models.CharField(max_length=20)
    content = models.BinaryField()

    class Meta:
        db_table = "tenant_logos"

    def __str__(self) -> str:
        return f"logo of {self.tenant}"


@commented(
    "Keys of programs that use the API; the keys themselves are not kept",
    name="What people call the key, unique in the tenant",
    prefix="How the key begins, so that people know it again",
    key_hash="Hash that a given key is compared with",
    role="What the key may do: viewer, operator or administrator",
    scopes="JSON list of the parts of the API that it opens, such as jobs; empty: all that its role may",
    created_by="users.id of the person who made it; NULL: a command did, or the user is gone",
    expires_at="When it ends, UTC; NULL: never",
    last_used_at="When it was used last, UTC; NULL: never",
)
class ApiKey(TenantOwned):
    """A tenant's key for the API. Only its hash is kept."""

    name = models.CharField(max_length=200)
    prefix = models.CharField(max_length=16, unique=True)
    key_hash = models.CharField(max_length=128)
    role = models.CharField(max_length=20, choices=Role, default=Role.VIEWER)
    scopes = models.JSONField(default=list, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "api_keys"
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="api_keys_name")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


@commented(
    "Who changed what, when and from where; without the values of secrets",
    tenant="tenants.id of the tenant that it is about; NULL: the whole installation",
    user="users.id of the person who acted; NULL: no person did, or the user is gone",
    api_key="api_keys.id of the key that was used; NULL: none, or the key is gone",
    actor="Name of who acted, also where the user or key is gone; empty: not known",
    action="What was done, such as job.started",
    target_table="Table of the row that it was done to",
    target_id="Id of that row, as text",
    changes="JSON object of the changed fields, each with a list of the value before and the value after",
    address="IP address that it came from; NULL: none, as of a command",
    active="Always true: entries are not taken back",
    created_at="When it was done, UTC",
    last_updated_at="When the row changed last, UTC",
)
class AuditEntry(models.Model):
    """Who changed what, when and from where. Never holds a secret's value.

    ``changes`` are ``{"name": ["Jira", "Jira Cloud"]}``.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    api_key = models.ForeignKey(ApiKey, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    actor = models.CharField(max_length=250, default="", db_default="")
    action = models.CharField(max_length=100)
    target_table = models.CharField(max_length=63)
    target_id = models.CharField(max_length=100)
    changes = models.JSONField(default=dict)
    address = models.GenericIPAddressField(null=True)
    active = models.BooleanField(default=True, db_default=True)
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    last_updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        db_table = "audit_log"
        verbose_name_plural = "audit log"
        indexes = [models.Index(fields=["tenant", "-id"], name="audit_log_newest")]

    def __str__(self) -> str:
        return f"{self.action} {self.target_table} {self.target_id}"


@commented(
    "What was, or is being, erased on somebody's word: a connection or a whole tenant, with all that came of it",
    tenant="tenants.id of the tenant that it is, or that the connection belongs to; NULL: the tenant is gone",
    integration_id="integrations.id of the connection; NULL: it is the tenant itself",
    name="What it was called",
    asked_by="Name of who wanted it",
    state="running or finished",
    rows="How many rows were deleted so far",
    deleted="JSON object: how many of them of each table",
    error="Why it could not go on when it was tried last; empty: it could",
    finished_at="When all was gone, UTC; NULL: not yet",
    active="Always true: entries are not taken back",
    created_at="When it was asked for, UTC",
    last_updated_at="When the row changed last, UTC",
)
class Erasure(models.Model):
    """A connection or a tenant on its way out. Workers delete what came of it in batches, and it itself at last."""

    class State(models.TextChoices):
        RUNNING = "running"
        FINISHED = "finished"

    tenant = models.ForeignKey(Tenant, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    integration_id = models.BigIntegerField(null=True)
    name = models.CharField(max_length=200)
    asked_by = models.CharField(max_length=250)
    state = models.CharField(max_length=20, choices=State, default=State.RUNNING)
    rows = models.PositiveBigIntegerField(default=0)
    deleted = models.JSONField(default=dict)
    error = models.TextField(default="", blank=True)
    finished_at = models.DateTimeField(null=True)
    active = models.BooleanField(default=True, db_default=True)
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    last_updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        db_table = "erasures"
        indexes = [models.Index(fields=["tenant", "-id"], name="erasures_recent")]

    def __str__(self) -> str:
        return f"erasure of {self.name}"
