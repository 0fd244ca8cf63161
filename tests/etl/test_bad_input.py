"""Bad input, end to end: what an operator is told, and that nothing valid is lost."""

import re
import socket
from collections.abc import Iterator

import pytest

from etl.models import EtlJob, EtlJobRun, Overall, QuarantinedRecord, RawExtractionData, WorkItem
from integrations.sandbox import Damage, Faults, SandboxServer, empty_site
from tests.support.driving import run_to_end
from tests.support.sites import FEW_PROJECTS, Connected, connect, small_site
from tests.support.tables import derived_rows

pytestmark = pytest.mark.django_db

PROJECTS, STATUSES, ISSUES = (
    "jira_projects_and_issue_types", "jira_statuses_and_relationships", "jira_issues_with_changelogs",
)  # fmt: skip
SEARCH = "/rest/api/3/search/jql"
SITE_ISSUES = 9


@pytest.fixture
def site(db: None) -> Iterator[Connected]:
    """An integration of a sandbox whose projects have several pages of issues."""
    with small_site(SITE_ISSUES, projects=FEW_PROJECTS) as server:
        yield connect(server, name="Acme Jira", batch_size="2")


def keys(site: Connected) -> set[str]:
    return set(WorkItem.objects.filter(integration=site.integration).values_list("key", flat=True))


def assert_told(run: EtlJobRun, step: str, *words: str) -> None:
    """The run failed with a message that names the integration, the step and what else a person needs."""
    assert run.status == Overall.FAILED
    for word in ("Acme Jira", step, *words):
        assert word in run.error_message
    assert EtlJob.objects.get(pk=run.job_id).error_message == run.error_message


def test_a_wrong_base_url_is_named_with_the_call(site: Connected) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        site.integration.settings["base_url"] = url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        site.integration.save()

        run = run_to_end(site.job)

    assert_told(run, PROJECTS, "GET /rest/api/2/serverInfo", url, "could not be reached")


def test_a_base_url_with_a_wrong_path_is_named_with_the_call(site: Connected) -> None:
    site.integration.settings["base_url"] += "/wiki"
    site.integration.save()

    run = run_to_end(site.job)

    assert_told(run, PROJECTS, "GET /rest/api/3/myself", "404", "base_url is wrong")


def test_wrong_credentials_are_named_with_the_call_and_never_shown(site: Connected) -> None:
    site.integration.secrets["api_token"] = "a-wrong-token"
    site.integration.save()

    run = run_to_end(site.job)

    assert_told(run, PROJECTS, "GET /rest/api/2/serverInfo", "401", "credentials")
    assert "a-wrong-token" not in run.error_message


def test_an_empty_site_ends_well_with_a_warning(db: None) -> None:
    with SandboxServer(empty_site(), port=0) as server:
        run = run_to_end(connect(server, name="Acme Jira").job)

    assert (run.status, run.error_message) == (Overall.FINISHED, "")
    assert "no project is visible" in run.warning
    assert not WorkItem.objects.exists()


@pytest.mark.parametrize(
    ("path", "step", "call"),
    [
        ("/rest/api/3/project/search", PROJECTS, "GET /rest/api/3/project/search"),
        ("/rest/api/3/status", STATUSES, "GET /rest/api/3/status"),
        (SEARCH, ISSUES, f"POST {SEARCH}"),
    ],
)
def test_a_page_for_people_with_status_200_is_named_with_the_call(
    site: Connected, path: str, step: str, call: str
) -> None:
    run_to_end(site.job)
    before = derived_rows(site.integration.pk)
    site.server.faults = Faults(html_under=path)

    run = run_to_end(site.job, {"full_sync": True})

    assert_told(run, step, call, "text/html instead of JSON")
    assert derived_rows(site.integration.pk) == before


@pytest.mark.parametrize(
    ("path", "step", "call"),
    [
        ("/rest/api/3/project/search", PROJECTS, "GET /rest/api/3/project/search"),
        (SEARCH, ISSUES, f"POST {SEARCH}"),
    ],
)
def test_json_that_is_cut_off_is_tried_again_named_with_the_call_and_never_stored(
    site: Connected, path: str, step: str, call: str
) -> None:
    site.server.faults = Faults(cut_under=path)

    run = run_to_end(site.job)

    assert_told(run, step, call, "JSON that is not whole")
    assert site.server.counts[path] > 1
    assert not RawExtractionData.objects.filter(step=step, entity_type="jira_issues").exists()
    assert not WorkItem.objects.exists()


def test_json_that_was_cut_off_for_a_while_loses_nothing(site: Connected) -> None:
    site.server.faults = Faults(cut_under=SEARCH)
    run_to_end(site.job)
    site.server.faults = Faults()

    run = run_to_end(site.job)

    assert (run.status, site.job.error_message) == (Overall.FINISHED, "")
    assert keys(site) == set(site.site.keys())


def test_a_repeated_token_ends_the_paging_and_keeps_the_pages_that_came(site: Connected) -> None:
    site.server.faults = Faults(repeat_token=True)
    site.integration.settings["batch_size"] = "1"
    site.integration.save()

    run = run_to_end(site.job)

    assert_told(run, ISSUES, "/rest/api/3/search/jql", "repeated nextPageToken")
    stored = {issue["key"] for raw in RawExtractionData.objects.filter(entity_type="jira_issues")
              for issue in raw.raw_data["issues"]}  # fmt: skip
    assert keys(site) == stored
    assert len(stored) >= 2


@pytest.mark.parametrize(
    ("damage", "path", "named"),
    [
        (Damage.NO_FIELDS, ".fields", "is missing"),
        (Damage.FIELDS_LIST, ".fields", "not an object"),
        (Damage.BAD_CREATED, ".fields.created", "'yesterday'"),
        (Damage.NOT_AN_OBJECT, "", "'gone'"),
    ],
)
def test_one_malformed_issue_is_set_aside_and_all_others_load(
    site: Connected, damage: Damage, path: str, named: str
) -> None:
    bad = site.site.keys()[3]
    site.server.faults = Faults(issues={bad: damage})

    run = run_to_end(site.job)

    assert (run.status, run.quarantined) == (Overall.FINISHED, 1)
    assert "1 records are in quarantine" in run.warning
    assert keys(site) == set(site.site.keys()) - {bad}
    entry = QuarantinedRecord.objects.get()
    assert re.fullmatch(rf"issues\[\d\]{re.escape(path)}", entry.path)
    assert named in entry.reason
    assert (entry.integration, entry.step, entry.run_id) == (site.integration, ISSUES, run.pk)
    assert entry.raw_data is not None
    assert entry.raw_data.external_id.startswith("project:")


def test_a_malformed_issue_that_is_mended_is_loaded_and_its_entry_closed(site: Connected) -> None:
    bad = site.site.keys()[3]
    site.server.faults = Faults(issues={bad: Damage.BAD_CREATED})
    run_to_end(site.job)
    site.server.faults = Faults()

    run = run_to_end(site.job, {"full_sync": True})

    assert (run.status, run.quarantined, run.warning) == (Overall.FINISHED, 0, "")
    assert keys(site) == set(site.site.keys())
    assert QuarantinedRecord.objects.get().resolved_at is not None


@pytest.mark.parametrize(
    ("damage", "summary"),
    [
        (Damage.NUL, "be\N{REPLACEMENT CHARACTER}fore "),
        (Damage.LONE_SURROGATE, "be\N{REPLACEMENT CHARACTER}fore "),
        (Damage.ESCAPED_BACKSLASH, "C:\\u0000 "),
    ],
)
def test_a_character_that_postgresql_refuses_costs_that_character_and_nothing_else(
    site: Connected, damage: Damage, summary: str
) -> None:
    bad = site.site.keys()[3]
    site.server.faults = Faults(issues={bad: damage})

    run = run_to_end(site.job)

    assert (run.status, run.warning) == (Overall.FINISHED, "")
    assert keys(site) == set(site.site.keys())
    assert WorkItem.objects.get(key=bad).summary.startswith(summary)
    kept = RawExtractionData.objects.values_list("extraction_metadata", flat=True)
    listed = [path for metadata in kept for path in metadata.get("replaced_characters", [])]
    assert [re.sub(r"\d", "0", path) for path in listed] == (
        [] if damage is Damage.ESCAPED_BACKSLASH else ["$.issues[0].fields.summary"]
    )


def test_an_answer_of_six_megabytes_is_stored_loaded_and_embedded(site: Connected) -> None:
    huge = site.site.keys()[3]
    site.server.faults = Faults(issues={huge: Damage.HUGE})

    run = run_to_end(site.job)

    assert (run.status, run.warning) == (Overall.FINISHED, "")
    assert keys(site) == set(site.site.keys())
    assert len(WorkItem.objects.get(key=huge).description or "") > 6_000_000 * 0.9
    sizes = [raw.extraction_metadata["payload_size"] for raw in RawExtractionData.objects.all()]
    assert max(sizes) > 6_000_000
