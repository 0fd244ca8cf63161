"""A tenant for the one table that lacked it, and overflow search through the policies of row-level security."""

import django.db.models.deletion
from django.db import migrations, models

# An index on a jsonb column is not used where a policy is to be checked first, since @> might tell what it saw. The
# function checks the tenant itself, with the rights of the tables' owner. A session's own tables come last: where
# they are not named they come first, and a view among them could run what it likes with these rights.
HOLDING = """
CREATE FUNCTION work_items_holding(wanted jsonb[]) RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT w.id FROM unnest(wanted) AS asked(value) CROSS JOIN LATERAL (
        SELECT id FROM work_items
        WHERE tenant_id = NULLIF(current_setting('pulse.tenant', true), '')::bigint
          AND custom_fields_overflow @> asked.value) AS w
$$;
REVOKE EXECUTE ON FUNCTION work_items_holding(jsonb[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION work_items_holding(jsonb[]) TO pulse_app, pulse_platform;
"""
OWNERS = "UPDATE etl_listed_items l SET tenant_id = r.tenant_id FROM etl_job_runs r WHERE r.id = l.run_id"


class Migration(migrations.Migration):
    dependencies = [("etl", "0012_operations"), ("tenancy", "0001_initial")]

    operations = [
        migrations.AddField(
            "listeditemrow",
            "tenant",
            models.ForeignKey(
                null=True,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenancy.tenant",
            ),
        ),
        migrations.RunSQL(OWNERS, migrations.RunSQL.noop),
        migrations.AlterField(
            "listeditemrow",
            "tenant",
            models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenancy.tenant"
            ),
        ),
        migrations.RunSQL(HOLDING, "DROP FUNCTION work_items_holding(jsonb[])"),
    ]
