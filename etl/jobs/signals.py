"""Creating an integration creates its job."""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from etl.jobs.lifecycle import create_job
from integrations.models import Integration


@receiver(post_save, sender=Integration)
def create_job_of_integration(instance: Integration, created: bool, raw: bool = False, **_: Any) -> None:
    if created and not raw:
        create_job(instance)
