"""Who Pulse works for: tenants, their users, and the base of every row that belongs to a tenant."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Now


class Tier(models.TextChoices):
    """What a tenant has paid for: each tier has queues and workers of its own."""

    FREE = "free"
    BASIC = "basic"
    PREMIUM = "premium"
    ENTERPRISE = "enterprise"


class Tenant(models.Model):
    """A customer. Its active jobs run one after another, `job_gap_minutes` apart, and again after `cycle_minutes`."""

    name = models.CharField(max_length=200, unique=True)
    tier = models.CharField(max_length=20, choices=Tier, default=Tier.FREE)
    job_gap_minutes = models.PositiveIntegerField(default=15)
    cycle_minutes = models.PositiveIntegerField(default=60)
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


class User(AbstractUser):
    """A person. Superusers belong to no tenant and see all of them; everybody else belongs to one."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, blank=True, related_name="users")
    role = models.CharField(max_length=20, choices=Role, default=Role.VIEWER)
    is_active = models.BooleanField("active", default=True, db_column="active")
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    last_updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    class Meta:
        db_table = "users"

    def may_see(self, tenant_id: int) -> bool:
        """Whether rows of that tenant may be shown to this user."""
        return self.is_active and (self.is_superuser or self.tenant_id == tenant_id)


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


class ApiKey(TenantOwned):
    """A tenant's key for the API. Only its hash is kept."""

    name = models.CharField(max_length=200)
    prefix = models.CharField(max_length=16, unique=True)
    key_hash = models.CharField(max_length=128)
    scopes = models.JSONField(default=list)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "api_keys"
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="api_keys_name")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class AuditEntry(models.Model):
    """Who changed what, when and from where. Never holds a secret's value."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
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
        indexes = [models.Index(fields=["tenant", "-created_at"], name="audit_log_recent")]

    def __str__(self) -> str:
        return f"{self.action} {self.target_table} {self.target_id}"
