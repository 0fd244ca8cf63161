from django.apps import AppConfig


class TenancyConfig(AppConfig):
    name = "pulse.tenancy"
    label = "tenancy"
    verbose_name = "Tenants"
