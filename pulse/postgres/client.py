"""`manage.py dbshell`, with the embedded server's own psql."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.db.backends.postgresql import client

from pulse.embedded import server_for
from pulse.embedded.programs import program


class DatabaseClient(client.DatabaseClient):
    """The psql of the wheel for the embedded server, the system's for any other."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        """Return psql's command line and environment; the embedded server is up afterwards."""
        home = settings_dict.get("EMBEDDED_HOME")
        if not home:
            return super().settings_to_cmd_args_env(settings_dict, parameters)
        server = server_for(Path(home))
        server.start()
        connection = server.connection_settings() | {"NAME": settings_dict["NAME"]}
        (_, *arguments), environment = super().settings_to_cmd_args_env(settings_dict | connection, parameters)
        return [str(program("psql")), *arguments], environment
