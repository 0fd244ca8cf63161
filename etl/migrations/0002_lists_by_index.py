"""Indexes for what lists are filtered by, each with the order that a list has then."""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Length
from django.db.models.lookups import LessThanOrEqual

before = import_module("etl.migrations.0001_initial")

TEXTS = ("team", "code_changed", *(f"custom_field_{number:02}" for number in range(1, 21)))

# As before (see 0001), but for one value at a time: of many the planner thought that reading the whole table finds
# them sooner. Or for two that the index cannot tell apart, as a value and a list of it. And no more than somebody uses.
HOLDING = """
DROP FUNCTION work_items_holding(jsonb[]);
CREATE FUNCTION work_items_holding(wanted jsonb, or_wanted jsonb, most integer) RETURNS SETOF bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT id FROM work_items
    WHERE tenant_id = NULLIF(current_setting('pulse.tenant', true), '')::bigint
      AND (custom_fields_overflow @> wanted OR custom_fields_overflow @> or_wanted)
    LIMIT most
$$;
REVOKE EXECUTE ON FUNCTION work_items_holding(jsonb, jsonb, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION work_items_holding(jsonb, jsonb, integer) TO pulse_app, pulse_platform;
"""
AS_BEFORE = f"DROP FUNCTION work_items_holding(jsonb, jsonb, integer); {before.HOLDING}"


class AddIndexes(migrations.operations.base.Operation):
    """As AddIndex of each. That makes all models anew for each index, which takes longer than making the index."""

    def __init__(self, model_name, *indexes):
        self.model_name, self.indexes = model_name, indexes

    def state_forwards(self, app_label, state):
        model = state.models[app_label, self.model_name]
        model.options["indexes"] = [*model.options.get("indexes", []), *self.indexes]
        state.reload_model(app_label, self.model_name, delay=True)

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            for index in self.indexes:
                schema_editor.add_index(model, index)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        model = from_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            for index in self.indexes:
                schema_editor.remove_index(model, index)

    def describe(self):
        return f"Create {len(self.indexes)} indexes on model {self.model_name}"


def _index(name, *fields, **more):
    return models.Index(fields=fields, name=name, **more)


def _indexed_with_others(name, to):
    return migrations.AlterField(
        "workitem", name, models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to=to)
    )


class Migration(migrations.Migration):
    dependencies = [("etl", "0001_initial")]

    operations = [
        _indexed_with_others("project", "custommapping.project"),
        _indexed_with_others("status", "custommapping.status"),
        AddIndexes("rawextractiondata", _index("raw_in_order", "tenant", "id")),
        AddIndexes("changelog", _index("changelogs_changed", "tenant", "transition_change_date", "id")),
        AddIndexes(
            "workitem",
            _index("work_items_in_order", "tenant", "id"),
            _index("work_items_inactive", "tenant", "id", condition=models.Q(active=False)),
            _index("work_items_completed", "tenant", "work_last_completed_at"),
            *(_index(f"work_items_{name}", name, "id") for name in ("integration", "project", "wit", "status")),
            *(_index(f"work_items_{name}", "tenant", name, "id") for name in ("created", "updated", "resolved")),
            *(
                _index(
                    *(f"work_items_{name}", "tenant", name, "id"),
                    condition=models.Q(LessThanOrEqual(Length(name), 200)),
                )
                for name in TEXTS
            ),
        ),
        AddIndexes(
            "pr",
            _index("prs_in_order", "tenant", "id"),
            *(
                _index(f"prs_{name}", "tenant", name, "id")
                for name in ("author", "state", "created", "updated", "closed", "merged")
            ),
        ),
        migrations.RunSQL(HOLDING, AS_BEFORE),
    ]
