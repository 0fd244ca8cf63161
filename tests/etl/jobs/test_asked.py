"""What a run may be asked, and what it is told that it may not."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from etl.jobs.asked import InvalidRequest, RunRequest, names_of_steps
from integrations.models import Integration
from tests.support.making import ISSUES, PROJECTS

JIRA, GITHUB = Integration(provider="jira", name="Jira"), Integration(provider="github", name="Code")


def parsed(**values: Any) -> RunRequest:
    return RunRequest.parse(values, JIRA)


def refused(values: Mapping[str, Any], integration: Integration = JIRA) -> Mapping[str, str]:
    with pytest.raises(InvalidRequest) as raised:
        RunRequest.parse(values, integration)
    return raised.value.errors


def test_nothing_said_is_a_plain_sync() -> None:
    assert parsed() == RunRequest()
    assert parsed(steps=[], projects=None, updated_from=None, batch_size=None).config() == {}


def test_all_that_can_be_said_is_read_and_read_back_from_the_run() -> None:
    asked = parsed(
        steps=[ISSUES, PROJECTS],
        projects=[" AB ", "", "AB", "10001"],
        updated_from="2024-12-01",
        updated_to="2024-12-31T08:00:00+02:00",
        full_sync=True,
        batch_size=20,
        include_dev_status=False,
        include_custom_fields=True,
    )

    assert (asked.steps, asked.projects) == ((ISSUES, PROJECTS), ("AB", "10001"))
    assert asked.updated_from == datetime(2024, 12, 1, tzinfo=UTC)
    assert asked.updated_to == datetime(2024, 12, 31, 6, tzinfo=UTC)
    assert RunRequest.parse(asked.config(), JIRA) == asked


def test_a_flag_that_is_said_to_be_what_it_is_anyway_outweighs_the_settings_of_the_job() -> None:
    assert parsed(full_sync=False, include_dev_status=True).config() == {"full_sync": False, "include_dev_status": True}


@pytest.mark.parametrize("end", ["2024-12-31", date(2024, 12, 31)])
def test_the_day_that_a_range_ends_with_belongs_to_it(end: object) -> None:
    assert parsed(updated_from=end, updated_to=end).updated_from == datetime(2024, 12, 31, tzinfo=UTC)
    assert parsed(updated_from=end, updated_to=end).updated_to == datetime(2025, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "moment",
    [
        "2024-12-31T08:00",
        "2024-12-31T09:00+01:00",
        datetime(2024, 12, 31, 8),  # noqa: DTZ001
        datetime(2024, 12, 31, 3, tzinfo=timezone(timedelta(hours=-5))),
    ],
)
def test_times_are_utc_where_they_do_not_say_their_zone(moment: object) -> None:
    assert parsed(updated_to=moment).updated_to == datetime(2024, 12, 31, 8, tzinfo=UTC)


def test_an_unknown_step_is_told_those_that_are_known() -> None:
    assert refused({"steps": ["jira_isues", ISSUES]}) == {
        "steps": f"steps has 'jira_isues', unknown to jira; known are: {', '.join(names_of_steps(JIRA))}"
    }
    assert ISSUES in refused({"steps": [ISSUES]}, GITHUB)["steps"]


def test_what_is_only_done_on_demand_is_no_step_of_a_sync() -> None:
    assert "jira_custom_fields" not in names_of_steps(JIRA)
    assert "steps" in refused({"steps": ["jira_custom_fields"]})


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("steps", "jira_x", "steps is 'jira_x', not a list"),
        ("projects", [1], "projects is 1, not a text"),
        ("projects", ["", " "], "projects is ['', ' '], which names nothing"),
        ("full_sync", 1, "full_sync is 1, not true or false"),
        ("full_sync", "yes", "full_sync is 'yes', not true or false"),
        ("batch_size", 0, "batch_size is 0, not a whole number within 1..100"),
        ("batch_size", 101, "batch_size is 101, not a whole number within 1..100"),
        ("batch_size", "20", "batch_size is '20', not a whole number"),
        ("updated_from", "last week", "updated_from is 'last week', not a date from 1970 to 2199 like 2024-12-31 or"),
        ("updated_from", 20241231, "updated_from is 20241231, not a date"),
        ("updated_to", "1969-12-30", "updated_to is '1969-12-30', not a date from 1970 to 2199"),
        ("updated_to", "9999-12-31", "updated_to is '9999-12-31', not a date"),
        ("updated_to", "9999-12-30T23:00", "updated_to is '9999-12-30T23:00', not a date"),
        ("updated_to", "0001-01-01T00:00+14:00", "updated_to is '0001-01-01T00:00+14:00', not a date"),
        ("since", "2024-12-31", "since is unknown; known are: steps, projects, updated_from, updated_to, full_sync,"),
    ],
)
def test_a_value_that_cannot_be_is_named(name: str, value: object, told: str) -> None:
    assert refused({name: value})[name].startswith(told)


def test_each_wrong_value_is_named_beside_the_others() -> None:
    errors = refused({"full_sync": "x", "batch_size": 500, "projects": ["AB"], "nonsense": 1})

    assert set(errors) == {"full_sync", "batch_size", "nonsense"}


@pytest.mark.parametrize(("beginning", "end"), [("2025-01-02", "2025-01-01"), ("2025-01-01T08:00", "2025-01-01T08:00")])
def test_a_range_without_a_moment_in_it_is_refused(beginning: str, end: str) -> None:
    assert "not after updated_from" in refused({"updated_from": beginning, "updated_to": end})["updated_to"]
