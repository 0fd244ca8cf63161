"""Analysts: people of one tenant who read its clean tables with SQL, each tenant's by a login of its own.

Whose rows an analyst sees follows from the login's name, `pulse_analyst_7`, which nobody can set in a session. Policies
are for all analysts as members of one role without login; rights to tables are each login's own, since they are those
of one database: roles belong to a server, on which another Pulse may have a tenant 7 too.
"""

import secrets
from typing import Any

from django.db import connection
from psycopg2.extensions import encrypt_password

GROUP = "pulse_analyst"
# NULL, which is nobody's, for who is no analyst.
TENANT = f"substring(current_user::text from '^{GROUP}_([0-9]+)$')::bigint"
# What may be seen of a table; all of it where nothing is named. No secret, no raw answer, no queue.
CLEAN_TABLES: dict[str, tuple[str, ...]] = {
    "tenants": ("id", "name"),
    "integrations": ("id", "tenant_id", "provider", "name", "active", "created_at", "last_updated_at"),
    **dict.fromkeys(
        "projects wits wits_hierarchies wits_mappings projects_wits statuses statuses_mappings workflows"
        " projects_statuses custom_fields custom_fields_mapping projects_custom_fields work_items changelogs"
        " repositories prs prs_commits prs_reviews prs_comments work_items_prs_links".split(),
        (),
    ),
}
CONNECTIONS = 10
# What a session begins with; an analyst may change them.
_SESSION = {
    "default_transaction_read_only": "on",
    "statement_timeout": "5min",
    "idle_in_transaction_session_timeout": "5min",
}


def login_of(tenant_id: int) -> str:
    return f"{GROUP}_{int(tenant_id)}"


def policy(table: str, column: str) -> str:
    return f"CREATE POLICY {GROUP} ON {table} FOR SELECT TO {GROUP} USING ({column} = {TENANT})"


def known(cursor: Any) -> list[str]:
    """The logins that this database is open to."""
    cursor.execute(
        """SELECT rolname FROM pg_roles
           WHERE rolname ~ %s AND has_column_privilege(oid, to_regclass('work_items'), 'id', 'SELECT')""",
        [f"^{GROUP}_[0-9]+$"],
    )
    return [name for (name,) in cursor.fetchall()]


def open_to(cursor: Any, login: str) -> None:
    """Lets a login read what is clean of this database, under its policies."""
    for table, columns in CLEAN_TABLES.items():
        named = f" ({', '.join(columns)})" if columns else ""
        cursor.execute(f"GRANT SELECT{named} ON {table} TO {login}")


def create(tenant_id: int) -> str:
    """Makes the tenant's login, or gives it a new password, which is kept nowhere; the password. As the owner.

    Raises Django's ProgrammingError where the owner of the tables may make no roles.
    """
    login, password = login_of(tenant_id), secrets.token_urlsafe(24)
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [login])
        if not cursor.rowcount:
            cursor.execute(f"CREATE ROLE {login} LOGIN CONNECTION LIMIT {CONNECTIONS} IN ROLE {GROUP}")
        # Not the password itself: servers write such statements into their logs.
        hidden = encrypt_password(password, login, cursor.connection, "scram-sha-256")
        cursor.execute(f"ALTER ROLE {login} PASSWORD %s", [hidden])
        for name, value in _SESSION.items():
            cursor.execute(f"ALTER ROLE {login} SET {name} = %s", [value])
        open_to(cursor, login)
    return password


def remove(tenant_id: int) -> bool:
    """Takes the tenant's login away; whether there was one. As the owner."""
    login = login_of(tenant_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [login])
        if not cursor.rowcount:
            return False
        cursor.execute(f"REVOKE ALL ON {', '.join(CLEAN_TABLES)} FROM {login}")
        cursor.execute(f"DROP ROLE {login}")
    return True
