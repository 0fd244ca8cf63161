"""The roles that Pulse's queries run as, and what each may see: row-level security on every tenant's table.

The login of DATABASE_URL owns the tables, and row-level security does not hold for an owner: it makes and changes
tables, and nothing else. Queries run as one of two roles without login that it may take on:

- `pulse_app`: the rows of the tenant that the session's `pulse.tenant` names; where it names none, none.
- `pulse_platform`: the rows of all tenants. Scheduler, sweep, and the installation's own commands.

Neither changes or deletes what stands in a table of `APPENDED`.

Analysts, who log in themselves, are in `pulse.postgres.analysts`.

Tables are known by Django's models: one with a tenant is guarded from the migration on that makes it.
"""

from collections.abc import Iterator

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper

from pulse.postgres import analysts

RUNTIME = "pulse_app"
PLATFORM = "pulse_platform"
# The login itself.
OWNER = "none"

# NULLIF: a setting that was set in a transaction is '' after it, not NULL.
CURRENT_TENANT = "NULLIF(current_setting('pulse.tenant', true), '')::bigint"
POLICIES = {RUNTIME: "{column} = " + CURRENT_TENANT, PLATFORM: "true"}

# Tables whose entries stay as they were written, each with the columns that are emptied where their row is deleted.
APPENDED = {"audit_log": ("user_id", "api_key_id")}


def owned_tables() -> dict[str, str]:
    """The tables with tenants' rows, each with the column that names the tenant."""
    found = {"tenants": "id"}
    for model in apps.get_models(include_auto_created=True):
        if any(field.name == "tenant" for field in model._meta.fields):
            found[model._meta.db_table] = "tenant_id"
    return found


def ensure_roles(connection: BaseDatabaseWrapper) -> None:
    """Makes the roles where they are missing, and lets the login take them on. Raises Django's DatabaseError.

    Roles belong to a server, not to one of its databases: somebody else may be making them at this moment.
    """
    with connection.cursor() as cursor:
        # Since 16 who makes a role is its member at once, and may not take it on for that.
        member = "SET" if cursor.connection.server_version >= 160000 else "MEMBER"
        for role in (*POLICIES, analysts.GROUP):
            cursor.execute(_CREATE_ROLE.format(role=role))
        for role in POLICIES:
            cursor.execute("SELECT pg_has_role(%s, %s)", [role, member])
            if not cursor.fetchone()[0]:
                cursor.execute(f"GRANT {role} TO CURRENT_USER")


def guard(connection: BaseDatabaseWrapper) -> None:
    """Gives the roles their rights to the tables there are, and guards those with tenants' rows.

    A table that is guarded already is not locked again: workers may be at it. What an extension has put beside ours
    is left alone.
    """
    with connection.cursor() as cursor:
        roles = ", ".join(POLICIES)
        cursor.execute(_OURS.format(kind="table"))
        tables = [name for (name,) in cursor.fetchall()]
        changed = [table for table in tables if table not in APPENDED]
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(changed)} TO {roles}")
        for table in APPENDED.keys() & set(tables):
            # Taken away first: versions before gave all rights. To take them takes those to columns too.
            cursor.execute(_APPENDED.format(table=table, columns=", ".join(APPENDED[table]), roles=roles))
        cursor.execute(_OURS.format(kind="sequence"))
        for (sequence,) in cursor.fetchall():
            cursor.execute(f"GRANT USAGE, SELECT ON SEQUENCE {sequence} TO {roles}")
        cursor.execute("SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'public'")
        guarded = set(cursor.fetchall())
        for table, role, sql in _policies():
            if table in tables and (table, role) not in guarded:
                cursor.execute(sql)
        for analyst in analysts.known(cursor):
            analysts.open_to(cursor, analyst)


def _policies() -> Iterator[tuple[str, str, str]]:
    """(table, policy, what makes it)."""
    for table, column in owned_tables().items():
        for role, condition in POLICIES.items():
            told = condition.format(column=column)
            yield table, role, _GUARD.format(table=table, role=role, condition=told)
        if table in analysts.CLEAN_TABLES:
            yield table, analysts.GROUP, analysts.policy(table, column)


_OURS = "SELECT {kind}name FROM pg_{kind}s WHERE schemaname = 'public' AND pg_has_role({kind}owner, 'USAGE')"
_CREATE_ROLE = """DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$"""
# Both as one: entries are written meanwhile.
_APPENDED = """REVOKE UPDATE, DELETE ON {table} FROM {roles};
GRANT SELECT, INSERT, UPDATE ({columns}) ON {table} TO {roles}"""
_GUARD = """ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
CREATE POLICY {role} ON {table} TO {role} USING ({condition}) WITH CHECK ({condition})"""
