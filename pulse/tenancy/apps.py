from django.apps import AppConfig


class TenancyConfig(AppConfig):
    name = "pulse.tenancy"
    label = "tenancy"
    verbose_name = "People"

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in
        from django.db.models.signals import post_save

        from pulse.tenancy.access import note_login
        from pulse.tenancy.audit import note_password
        from pulse.tenancy.models import User

        # The name that Django's own has: it takes its place.
        user_logged_in.disconnect(dispatch_uid="update_last_login")
        user_logged_in.connect(note_login, dispatch_uid="update_last_login")
        post_save.connect(note_password, sender=User, dispatch_uid="note_password")
