"""The settings of a job: what they may be, and when a cron expression means."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from etl.jobs.job_settings import InvalidSettings, JobSettings, Plan, plan_of
from etl.models import EtlJob
from integrations.models import Integration

JIRA = Integration(provider="jira", name="Jira")


def parsed(**settings: Any) -> JobSettings:
    return JobSettings.parse(settings, JIRA)


def test_a_job_without_settings_has_turns() -> None:
    assert parsed() == JobSettings()
    assert parsed().plan.has_turns


def test_all_settings_are_read() -> None:
    found = parsed(cron=" 0 3 * * 1-5 ", timezone="Europe/Berlin", config={"full_sync": True})

    assert found == JobSettings(Plan("0 3 * * 1-5", "Europe/Berlin"), {"full_sync": True})
    assert not found.plan.has_turns
    assert not parsed(interval_minutes=30).plan.has_turns


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"corn": "0 3 * * *"}, "setting 'corn' is unknown; known are: cron, timezone, interval_minutes, config"),
        ({"cron": "0 3 * *"}, "setting cron is '0 3 * *': expected minute, hour"),
        ({"cron": "0 0 3 * * *"}, "setting cron is '0 0 3 * * *': expected minute, hour"),
        ({"cron": "61 3 * * *"}, "setting cron is '61 3 * * *': Bad minute"),
        ({"cron": "0 0 31 2 *"}, "setting cron is '0 0 31 2 *': Bad day-of-month"),
        ({"cron": f"{'9' * 5000} 3 * * *"}, "setting cron is '9999"),
        ({"cron": 3}, "setting cron is 3, not a text"),
        ({"timezone": "Berlin"}, "setting timezone is 'Berlin', not one like Europe/Berlin"),
        ({"timezone": "../../etc/passwd"}, "setting timezone is '../../etc/passwd', not one"),
        ({"interval_minutes": 0}, "setting interval_minutes is 0, not a whole number within 1..525600"),
        ({"interval_minutes": "5"}, "setting interval_minutes is '5', not a whole number"),
        ({"interval_minutes": 5, "cron": "0 3 * * *"}, "setting interval_minutes is 5 beside cron '0 3 * * *'"),
        ({"config": []}, "setting config is '[]', not an object"),
        (
            {"config": {"projects": ["AB"]}},
            "setting config has 'projects'; a job's runs may have: full_sync, batch_size",
        ),
        ({"config": {"batch_size": 999}}, "setting config: batch_size is 999, not a whole number within 1..100"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidSettings) as raised:
        JobSettings.parse(settings, JIRA)

    assert str(raised.value).startswith(told)
    with pytest.raises(ValidationError) as refused:
        EtlJob(name="Sync", integration=JIRA, settings=settings).clean()
    assert refused.value.message_dict["settings"] == [str(raised.value)]


def test_settings_that_are_no_object_are_refused() -> None:
    with pytest.raises(InvalidSettings, match=r"^settings is '\[1\]', not an object$"):
        JobSettings.parse([1], JIRA)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("cron", "zone", "after", "due"),
    [
        ("0 3 * * 1-5", "UTC", utc(2025, 1, 3, 3), utc(2025, 1, 6, 3)),
        ("0 3 * * *", "Europe/Berlin", utc(2025, 1, 1, 1, 59), utc(2025, 1, 1, 2)),
        ("0 3 * * *", "Europe/Berlin", utc(2025, 7, 1, 0, 59), utc(2025, 7, 1, 1)),
        # Clocks go on from 2:00 to 3:00, and back from 3:00 to 2:00.
        ("30 2 * * *", "Europe/Berlin", utc(2025, 3, 29, 12), utc(2025, 3, 30, 1)),
        ("30 2 * * *", "Europe/Berlin", utc(2025, 10, 25, 12), utc(2025, 10, 26, 0, 30)),
        ("30 2 * * *", "Europe/Berlin", utc(2025, 10, 26, 0, 30), utc(2025, 10, 27, 1, 30)),
        # 2:15 for the second time.
        ("30 2 * * *", "Europe/Berlin", utc(2025, 10, 26, 1, 15), utc(2025, 10, 27, 1, 30)),
        ("*/20 * * * *", "America/St_Johns", utc(2025, 1, 1, 0, 1), utc(2025, 1, 1, 0, 10)),
        ("0 0 29 2 *", "UTC", utc(2025, 1, 1), utc(2028, 2, 29)),
    ],
)
def test_a_cron_expression_is_read_in_the_zone_of_the_job(cron: str, zone: str, after: datetime, due: datetime) -> None:
    plan = Plan(cron, zone)

    assert plan.next_time(after) == due
    assert plan.means(due)
    assert not plan.means(due.replace(second=1))


def test_stored_settings_that_cannot_be_read_are_no_plan() -> None:
    assert plan_of('{"cron": "0 3 * * *"}') == Plan("0 3 * * *")
    assert plan_of(f'{{"cron": "{"9" * 5000} 3 * * *"}}') == Plan()
    assert plan_of('{"cron": "nonsense"}') == plan_of("[]") == plan_of("null") == Plan()
