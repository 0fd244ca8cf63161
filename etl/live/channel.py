"""The names of PostgreSQL's notification channel and of the channel layer's groups."""

LIVE_CHANNEL = "pulse_job_status"
# Everybody: what was notified meanwhile is lost.
ALL_JOBS = "jobs"
# Those who watch jobs of every tenant.
EVERY_TENANT = "jobs_of_every_tenant"


def group_of(job_id: int) -> str:
    """The group of those who watch a job."""
    return f"job_{job_id}"


def group_of_tenant(tenant_id: int) -> str:
    """The group of those who watch a tenant's jobs."""
    return f"jobs_of_{tenant_id}"
