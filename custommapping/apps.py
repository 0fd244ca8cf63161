from django.apps import AppConfig


class CustomMappingConfig(AppConfig):
    name = "custommapping"
    verbose_name = "Mappings"
