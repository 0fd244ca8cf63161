"""The names of PostgreSQL's notification channel and of the channel layer's groups."""

LIVE_CHANNEL = "pulse_job_status"
ALL_JOBS = "jobs"


def group_of(job_id: int) -> str:
    """The group of those who watch a job."""
    return f"job_{job_id}"
