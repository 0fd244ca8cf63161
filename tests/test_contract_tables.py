"""The tables and columns that the user fixed, as the database has them."""

import pytest

from etl.sql import fetch

pytestmark = pytest.mark.django_db

TABLES = """
    tenants users integrations projects wits wits_hierarchies wits_mappings projects_wits statuses statuses_mappings
    workflows projects_statuses work_items changelogs repositories prs prs_commits prs_reviews prs_comments
    work_items_prs_links custom_fields custom_fields_mapping projects_custom_fields raw_extraction_data etl_jobs
    qdrant_vectors extraction_checkpoints etl_job_runs etl_job_run_steps etl_job_events etl_dead_letters
    quarantined_records integration_limits workers api_keys audit_log webhook_deliveries
""".split()
OF_NO_TENANT = {"tenants", "workers"}
COLUMNS = {
    "raw_extraction_data": "entity_type external_id raw_data extraction_metadata processing_status error_details"
    " processed_at integration_id",
    "custom_fields": "external_id name field_type operations integration_id",
    "custom_fields_mapping": "team_field_id code_changed_field_id story_points_field_id "
    + " ".join(f"custom_field_{number:02}_id" for number in range(1, 21)),
    "projects_custom_fields": "integration_id project_key integration_type discovered_fields discovered_at",
    "work_items": "external_id key project_id wit_id status_id parent_id summary description priority resolution labels"
    " created updated resolved due team code_changed story_points custom_fields_overflow deleted_at source_updated_at"
    " raw_data_id work_first_committed_at work_first_started_at work_last_started_at work_first_completed_at"
    " work_last_completed_at total_work_starts total_completions total_backlog_returns total_work_time_seconds"
    " total_review_time_seconds total_cycle_time_seconds total_lead_time_seconds workflow_complexity_score"
    " rework_indicator direct_completion " + " ".join(f"custom_field_{number:02}" for number in range(1, 21)),
    "changelogs": "work_item_id external_id item_number from_status_id to_status_id transition_start_date"
    " transition_change_date time_in_status_seconds changed_by",
    "prs": "external_id number repository_id title body state draft author bot created updated closed merged"
    " first_commit_at first_review_at additions deletions changed_files commits reviews comments review_decision base"
    " head merge_commit labels",
    "etl_jobs": "tenant_id integration_id name order active status next_run last_run_started_at last_run_finished_at"
    " last_sync_date retry_count error_message settings",
    "qdrant_vectors": "integration_id source_type table_name external_id point_id collection model content_hash status"
    " run_id step",
    "etl_job_runs": "execution_time records_processed errors_encountered memory_usage api_calls_made"
    " vectorization_queued",
}


def columns_of(table: str) -> set[str]:
    sql = "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s"
    return {row[0] for row in fetch(sql, [table])}


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_what_every_row_has(table: str) -> None:
    common = {"active", "created_at", "last_updated_at"} | ({"tenant_id"} if table not in OF_NO_TENANT else set())

    assert common - columns_of(table) == set()


@pytest.mark.parametrize("table", COLUMNS)
def test_every_column_of_the_contract_is_there(table: str) -> None:
    assert set(COLUMNS[table].split()) - columns_of(table) == set()


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("projects", "(tenant_id, integration_id, external_id)"),
        ("wits", "(tenant_id, integration_id, external_id)"),
        ("statuses", "(tenant_id, integration_id, external_id)"),
        ("work_items", "(tenant_id, integration_id, external_id)"),
        ("repositories", "(tenant_id, integration_id, external_id)"),
        ("prs", "(tenant_id, integration_id, external_id)"),
        ("custom_fields", "(tenant_id, integration_id, external_id)"),
        ("custom_fields_mapping", "(tenant_id, integration_id)"),
        ("projects_custom_fields", "(tenant_id, integration_id, project_key, integration_type)"),
    ],
)
def test_external_ids_are_unique_per_tenant_and_integration(table: str, key: str) -> None:
    found = [row[0] for row in fetch("SELECT indexdef FROM pg_indexes WHERE tablename = %s", [table])]

    assert any("UNIQUE" in definition and definition.endswith(key) for definition in found)


def test_raw_answers_are_indexed_as_the_contract_says() -> None:
    found = "\n".join(
        row[0] for row in fetch("SELECT indexdef FROM pg_indexes WHERE tablename = 'raw_extraction_data'", [])
    )

    for index in (
        "(tenant_id, entity_type)",
        "(processing_status) WHERE",
        "(external_id)",
        "(integration_id)",
        "(created_at DESC)",
    ):
        assert index in found
