"""A connection that is never used, and a project, to make questions of."""

from integrations.provider import Connection, ProjectRef

PROJECT = ProjectRef("20001", "ORB")
CONNECTION = Connection(1, "Acme", {}, {})
