from django.apps import AppConfig


class EtlConfig(AppConfig):
    name = "etl"
    verbose_name = "Data and jobs"

    def ready(self) -> None:
        from etl.jobs import signals  # noqa: F401  (connects receivers)
