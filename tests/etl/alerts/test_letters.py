"""Dead letters that become more and more."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from etl.alerts.letters import growing_letters
from etl.alerts.raising import Looked, look_at_all
from etl.models import Alert, Cause, DeadLetter
from pulse.tenancy.models import Tenant
from tests.etl.alerts.making import a_tenant

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _three_are_many(settings: Settings) -> None:
    settings.ALERT_DEAD_LETTERS = 3


def letters(count: int, *, tenant: Tenant | None = None, minutes_ago: float = 1, **fields: str) -> None:
    """New dead letters of a tenant."""
    given = {"queue": "transform_queue_free", "body": "{}", "error": "no", **fields}
    made = [DeadLetter.objects.create(tenant=tenant or a_tenant(), **given) for _ in range(count)]
    moment = timezone.now() - timedelta(minutes=minutes_ago)
    DeadLetter.objects.filter(pk__in=[letter.pk for letter in made]).update(created_at=moment)


def look() -> Looked:
    return look_at_all({Cause.DEAD_LETTERS: growing_letters})


def test_many_new_letters_of_a_tenant_within_an_hour_are_told() -> None:
    letters(2, cause="a deadlock")
    assert look() == Looked()
    letters(1, cause="a deadlock")
    letters(4, minutes_ago=90)
    assert look() == Looked(raised=1)
    assert Alert.objects.get().message == ("3 new dead letters within an hour, 7 are open; most of them: a deadlock")


def test_letters_of_tenants_are_not_added_up() -> None:
    letters(2)
    letters(2, tenant=a_tenant("Globex"))
    assert look() == Looked()


def test_letters_that_are_settled_do_not_count() -> None:
    letters(3, state="replayed")
    assert look() == Looked()


def test_letters_of_nobody_alert_nobody() -> None:
    letters(3)
    DeadLetter.objects.update(tenant=None)
    assert look() == Looked()


def test_it_is_over_once_an_hour_brings_few() -> None:
    letters(3)
    look()
    DeadLetter.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    assert look() == Looked(resolved=1)


def test_where_they_go_on_coming_it_happens_anew_with_each_hour() -> None:
    letters(3)
    look()
    assert look() == Looked()
    Alert.objects.update(mark="2020-01-01T00")
    assert look() == Looked(again=1)
