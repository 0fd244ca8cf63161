"""What things mean: projects, work item types, statuses, custom fields, and the tenant's mappings of them."""

from django.db import models
from django.db.models.functions import Lower

from integrations.models import Integration
from integrations.records import Category
from pulse.postgres.comments import commented
from pulse.tenancy.models import TenantOwned

CATEGORY_CHOICES = [(category.value, category.value) for category in Category]
CUSTOM_FIELD_COLUMNS = tuple(f"custom_field_{number:02}" for number in range(1, 21))
MAPPED_COLUMNS = ("team", "code_changed", "story_points", *CUSTOM_FIELD_COLUMNS)


class Authority(models.IntegerChoices):
    """How well a row of a catalogue is known. A better source wins over a newer one."""

    MENTIONED = 0, "only mentioned in a history"
    SEEN = 1, "seen on a record"
    LISTED = 2, "listed by the source"


@commented(
    integration="integrations.id of the site that the row came from",
    external_id="Id that the site has given it, which does not change",
    source_updated_at="From when what the row says is, by the site's clock, UTC; NULL: not known",
    raw_data_id="raw_extraction_data.id of the answer that the row was written from; NULL: of none",
)
class FromSource(TenantOwned):
    """Base of what one integration brought, named by the source's stable id. An older answer never overwrites it."""

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="+", db_index=False)
    external_id = models.CharField(max_length=255)
    source_updated_at = models.DateTimeField(null=True)
    raw_data_id = models.BigIntegerField(null=True)

    class Meta:
        abstract = True


@commented(
    authority="How well it is known: 0 only mentioned in a history, 1 seen on a record, 2 listed by the site",
)
class CatalogueRow(FromSource):
    """Base of projects, types, statuses and fields: rows that may be known before they are listed."""

    authority = models.SmallIntegerField(choices=Authority, default=Authority.LISTED, db_default=Authority.LISTED)

    class Meta:
        abstract = True


def _unique(name: str) -> models.UniqueConstraint:
    return models.UniqueConstraint(fields=["tenant", "integration", "external_id"], name=name)


@commented(
    "Projects that work items are in",
    key="Short name that keys of its work items begin with, such as PAY; may change",
    name="Name at the site",
    project_type="Kind of project, in the site's words, such as software; empty: not told",
    description="What the site says of it; empty: nothing",
    lead_id="The site's id of the account that leads it; NULL: none, or not told",
    lead_name="Name of who leads it; NULL: none, or not told",
    archived="Whether the site has archived it",
    wits_as_of="From when projects_wits is for it, UTC; NULL: not listed yet",
    statuses_as_of="From when projects_statuses is for it, UTC; NULL: not listed yet",
)
class Project(CatalogueRow):
    key = models.CharField(max_length=255)
    name = models.CharField(max_length=255)
    project_type = models.CharField(max_length=100, default="", blank=True)
    description = models.TextField(default="", blank=True)
    lead_id = models.CharField(max_length=255, null=True, blank=True)
    lead_name = models.CharField(max_length=255, null=True, blank=True)
    archived = models.BooleanField(default=False, db_default=False)
    wits_as_of = models.DateTimeField(null=True, editable=False)
    statuses_as_of = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "projects"
        constraints = [_unique("projects_external_id")]

    def __str__(self) -> str:
        return f"{self.key} {self.name}"


@commented(
    "Levels of work item types, by the tenant: initiative, epic, story, subtask",
    name="What the tenant calls the level, unique in the tenant",
    level="Number of the level: a higher one stands above a lower one; unique in the tenant",
)
class WitHierarchy(TenantOwned):
    """A level that work item types stand on (initiative, epic, story, subtask)."""

    name = models.CharField(max_length=100)
    level = models.SmallIntegerField()

    class Meta:
        db_table = "wits_hierarchies"
        verbose_name_plural = "wit hierarchies"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "level"], name="wits_hierarchies_level"),
            models.UniqueConstraint("tenant", Lower("name"), name="wits_hierarchies_name"),
        ]

    def __str__(self) -> str:
        return self.name


@commented(
    "The tenant's own names and levels of the sites' work item types",
    integration="integrations.id of the site whose type it is",
    wit_from="Name of the type at the site, as in wits.name",
    wit_to="What the tenant calls it; several types may have one name",
    hierarchy="wits_hierarchies.id of its level; NULL: none is set",
)
class WitMapping(TenantOwned):
    """The tenant's own name, and level, for a source's type name."""

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="+", db_index=False)
    wit_from = models.CharField(max_length=255)
    wit_to = models.CharField(max_length=255)
    hierarchy = models.ForeignKey(WitHierarchy, on_delete=models.SET_NULL, null=True, blank=True)

    class Meta:
        db_table = "wits_mappings"
        constraints = [models.UniqueConstraint(fields=["tenant", "integration", "wit_from"], name="wits_mappings_from")]

    def __str__(self) -> str:
        return f"{self.wit_from} → {self.wit_to}"


@commented(
    "Work item types of the sites, such as Story or Bug",
    name="Name at the site; the tenant's own one is in wits_mappings.wit_to",
    description="What the site says of it; empty: nothing",
    subtask="Whether items of it are parts of others",
    hierarchy_level="The site's own level, such as 1 epic, 0 story, -1 subtask; NULL: not told",
    mapping="wits_mappings.id of the tenant's own name and level; NULL: not mapped",
)
class Wit(CatalogueRow):
    """A work item type."""

    name = models.CharField(max_length=255)
    description = models.TextField(default="", blank=True)
    subtask = models.BooleanField(default=False, db_default=False)
    hierarchy_level = models.SmallIntegerField(null=True, blank=True)
    mapping = models.ForeignKey(WitMapping, on_delete=models.SET_NULL, null=True, blank=True)

    class Meta:
        db_table = "wits"
        constraints = [_unique("wits_external_id")]

    def __str__(self) -> str:
        return self.name


@commented(
    "Which work item types each project offers",
    integration="integrations.id of the site that the row came from",
    project="projects.id of the project that offers the type",
    wit="wits.id of the type that is offered",
)
class ProjectWit(TenantOwned):
    """A project offers a type."""

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="+", db_index=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, db_index=False)
    wit = models.ForeignKey(Wit, on_delete=models.CASCADE)

    class Meta:
        db_table = "projects_wits"
        constraints = [models.UniqueConstraint(fields=["project", "wit"], name="projects_wits_pair")]

    def __str__(self) -> str:
        return f"{self.project} {self.wit}"


@commented(
    "Ordered steps that the tenant maps statuses to",
    name="What the tenant calls it, unique in the tenant",
    project="projects.id of the project that it is for; NULL: for all projects",
    steps="JSON list of the names of its steps, in their order; statuses_mappings.flow_step names one",
)
class Workflow(TenantOwned):
    """Ordered steps that statuses are mapped to, for one project or, where none is named, for all."""

    name = models.CharField(max_length=255)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, blank=True)
    steps = models.JSONField(default=list, blank=True)

    class Meta:
        db_table = "workflows"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="workflows_name"),
            models.UniqueConstraint(fields=["tenant"], condition=models.Q(project=None), name="workflows_for_all"),
        ]

    def __str__(self) -> str:
        return self.name


@commented(
    "What the tenant says that statuses mean; wins over statuses.category",
    integration="integrations.id of the site whose status it is",
    status_external_id="statuses.external_id of the status that is mapped, of the same integration",
    category="What it means for the flow metrics: To Do, In Progress or Done",
    flow_step="Step of a workflow that it stands for, as in workflows.steps; empty: none",
)
class StatusMapping(TenantOwned):
    """What a tenant says that a status means; it wins over the source's category."""

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="+", db_index=False)
    status_external_id = models.CharField(max_length=255)
    category = models.CharField(max_length=20, choices=CATEGORY_CHOICES)
    flow_step = models.CharField(max_length=100, default="", blank=True)

    class Meta:
        db_table = "statuses_mappings"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "integration", "status_external_id"], name="statuses_mappings_status"
            )
        ]

    def __str__(self) -> str:
        return f"{self.status_external_id} → {self.category}"


@commented(
    "Statuses of the sites",
    name="Name at the site",
    category="To Do, In Progress or Done, as the site says; NULL: not told. statuses_mappings wins over it",
    description="What the site says of it; empty: nothing",
    project="projects.id of the only project that has it; NULL: not bound to one",
)
class Status(CatalogueRow):
    """A status. Its ``category`` is also None where it is long deleted."""

    name = models.CharField(max_length=255)
    category = models.CharField(max_length=20, choices=CATEGORY_CHOICES, null=True, blank=True)
    description = models.TextField(default="", blank=True)
    project = models.ForeignKey(Project, on_delete=models.SET_NULL, null=True, blank=True)

    class Meta:
        db_table = "statuses"
        verbose_name_plural = "statuses"
        constraints = [_unique("statuses_external_id")]

    def __str__(self) -> str:
        return self.name


@commented(
    "Which statuses each project uses",
    integration="integrations.id of the site that the row came from",
    project="projects.id of the project that uses the status",
    status="statuses.id of the status that is used",
)
class ProjectStatus(TenantOwned):
    """A project uses a status."""

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="+", db_index=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, db_index=False)
    status = models.ForeignKey(Status, on_delete=models.CASCADE)

    class Meta:
        db_table = "projects_statuses"
        verbose_name_plural = "project statuses"
        constraints = [models.UniqueConstraint(fields=["project", "status"], name="projects_statuses_pair")]

    def __str__(self) -> str:
        return f"{self.project} {self.status}"


@commented(
    "Custom fields of the sites, and how much they are used",
    external_id="Id that the site has given it, such as customfield_10016",
    name="Name at the site; several fields may have one name",
    field_type="Type in the site's words, such as string, option or array",
    operations="JSON list of what may be done with its values, such as set or add, in any project",
    schema="JSON object: the site's own description of its values; empty: not told",
    items_seen="How many work items the profile looked at; NULL: not profiled yet",
    items_filled="How many of items_seen have a value in it; NULL: not profiled yet",
    distinct_values="How many different texts these values are; NULL: not profiled yet",
    examples="JSON list of its most frequent texts, cut where long",
    profiled_at="When its use was found to be so, UTC; NULL: not profiled yet",
)
class CustomField(CatalogueRow):
    """A custom field as the source lists it. Inactive where a discovery did not find it any more.

    ``operations`` are as the last discovery that could tell found them.
    """

    external_id = models.CharField(max_length=100)
    name = models.CharField(max_length=255)
    field_type = models.CharField(max_length=100)
    operations = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    schema = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    items_seen = models.PositiveIntegerField(null=True, editable=False)
    items_filled = models.PositiveIntegerField(null=True, editable=False)
    distinct_values = models.PositiveIntegerField(null=True, editable=False)
    examples = models.JSONField(default=list, db_default=models.Value([], models.JSONField()), editable=False)
    profiled_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "custom_fields"
        constraints = [_unique("custom_fields_external_id")]

    def __str__(self) -> str:
        return f"{self.name} ({self.external_id})"


def _field_reference() -> "models.ForeignKey[CustomField | None, CustomField | None]":
    return models.ForeignKey(
        CustomField, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )


@commented(
    "Which custom fields fill which columns of work_items; one row for each integration",
    integration="integrations.id of the site whose fields are mapped",
    version="Grows with each change: who saves names the one that was seen, so that the second of two is told",
    team_field="custom_fields.id of the field that fills work_items.team; NULL: none",
    code_changed_field="custom_fields.id of the field that fills work_items.code_changed; NULL: none",
    story_points_field="custom_fields.id of the field that fills work_items.story_points; NULL: none",
    **dict.fromkeys(CUSTOM_FIELD_COLUMNS, "custom_fields.id of what fills this column of work_items; NULL: none"),
)
class CustomFieldMapping(TenantOwned):
    """Which custom field fills which column of ``work_items``: one row per tenant and integration."""

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="+", db_index=False)
    version = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    team_field = _field_reference()
    code_changed_field = _field_reference()
    story_points_field = _field_reference()
    custom_field_01 = _field_reference()
    custom_field_02 = _field_reference()
    custom_field_03 = _field_reference()
    custom_field_04 = _field_reference()
    custom_field_05 = _field_reference()
    custom_field_06 = _field_reference()
    custom_field_07 = _field_reference()
    custom_field_08 = _field_reference()
    custom_field_09 = _field_reference()
    custom_field_10 = _field_reference()
    custom_field_11 = _field_reference()
    custom_field_12 = _field_reference()
    custom_field_13 = _field_reference()
    custom_field_14 = _field_reference()
    custom_field_15 = _field_reference()
    custom_field_16 = _field_reference()
    custom_field_17 = _field_reference()
    custom_field_18 = _field_reference()
    custom_field_19 = _field_reference()
    custom_field_20 = _field_reference()

    class Meta:
        db_table = "custom_fields_mapping"
        constraints = [models.UniqueConstraint(fields=["tenant", "integration"], name="custom_fields_mapping_one")]

    def __str__(self) -> str:
        return f"fields of {self.integration}"


@commented(
    "Which custom fields each project offers, as discovery found them",
    integration="integrations.id of the site that the row came from",
    project_key="projects.key of the project, of the same integration",
    integration_type="integrations.provider of the site",
    discovered_fields="JSON list of external_id, name, type, required, wits: ids of types that require or offer it",
    discovered_at="When they were found to be so, UTC",
)
class ProjectCustomField(TenantOwned):
    """The fields that one project offers, as discovery found them.

    ``discovered_fields`` holds, in the order of their ids, {"external_id", "name", "type", "required", "wits"}; the
    last are the ids of the work item types that offer it, ``required`` those of them that require it. A field without
    ``wits`` is the project's own, and nobody knows of which types. Inactive where the project is not read any more.
    """

    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="+", db_index=False)
    project_key = models.CharField(max_length=255)
    integration_type = models.CharField(max_length=50)
    discovered_fields = models.JSONField(default=list)
    discovered_at = models.DateTimeField()

    class Meta:
        db_table = "projects_custom_fields"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "integration", "project_key", "integration_type"], name="projects_custom_fields_one"
            )
        ]

    def __str__(self) -> str:
        return f"fields of {self.project_key}"
