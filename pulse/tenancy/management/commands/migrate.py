"""manage.py migrate: Django's own, as the tables' owner, with the roles that queries run as and the comments."""

from typing import Any

from django.core.management.commands import migrate
from django.db import connections

from pulse.postgres import comments
from pulse.postgres.roles import ensure_roles, guard
from pulse.postgres.scope import owner_scope


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        with owner_scope():
            ensure_roles(connection)
            super().handle(*args, **options)
            guard(connection)
            comments.say(connection)
