"""Saves, pages, pauses and stops in any sequence end in the rows of a clean load with the last mapping."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.utils import timezone

from custommapping.mapping import columns_of, find_mapping
from etl import pipeline
from etl.jobs import lifecycle
from etl.jobs.lifecycle import IllegalTransition
from etl.mapping import retransform, stale
from etl.mapping.saving import save_mapping
from etl.mapping.stale import Stale
from etl.models import EtlJob, EtlJobRun, RawExtractionData, RunKind
from etl.queue.topology import Stage
from integrations.models import Integration
from tests.integrations.providers.jira.samples import history, issue, item
from tests.support.driving import waiting, worked_off
from tests.support.making import a_run, an_integration, job_of
from tests.support.mapping import a_field, stored, transformed
from tests.support.tables import derived_rows

pytestmark = pytest.mark.django_db

TEXTS, NUMBERS = ("customfield_1", "customfield_2", "customfield_3"), ("customfield_4", "customfield_5")
COLUMNS = ("team", "code_changed", "custom_field_01", "custom_field_20")
VALUES: tuple[Any, ...] = ("Falcons", {"value": "Asia", "child": {"value": "Japan"}}, ["a", "b"], [], None, "", 5, 2.50)
MOVED = history("7", "2025-03-02T09:00:00.000+0000", item("10101", "10102"))


def with_fields(name: str) -> Integration:
    integration = an_integration(name, tenant=name)
    for number in range(1, 6):
        a_field(integration, number, "number" if number > 3 else "string")
    return integration


@dataclass
class Site:
    """An integration whose pages are made up: all of them, and those that are stored and not loaded yet."""

    integration: Integration
    run: EtlJobRun
    dice: random.Random
    pages: list[list[dict[str, Any]]] = field(default_factory=list)
    unread: list[RawExtractionData] = field(default_factory=list)

    @property
    def job_id(self) -> int:
        return job_of(self.integration).pk

    def stores_a_page(self) -> None:
        page = [self.an_issue() for _ in range(self.dice.randint(1, 4))]
        self.pages.append(page)
        self.unread.append(stored(self.run, *page))

    def an_issue(self) -> dict[str, Any]:
        values = {name: self.dice.choice(VALUES) for name in (*TEXTS, *NUMBERS)}
        updated = f"2025-03-{self.dice.randint(10, 28)}T09:00:00.000+0000"
        created = self.dice.choice(("2025-03-01T09:00:00.000+0000",) * 9 + ("yesterday",))
        histories = self.dice.choice(([], [MOVED]))
        return issue(self.dice.randint(1, 6), histories, updated=updated, created=created, **values)

    def loads_a_page(self) -> None:
        if self.unread:
            row = self.unread.pop(self.dice.randrange(len(self.unread)))
            pipeline.handle(Stage.TRANSFORM, [row.pk])

    def saves(self) -> None:
        fields = self.dice.sample((*TEXTS, *NUMBERS[1:]), len(COLUMNS))
        columns: dict[str, str | None] = {"story_points": NUMBERS[0], **dict(zip(COLUMNS, fields, strict=True))}
        chosen = {column: columns[column] for column in self.dice.sample([*columns], self.dice.randint(0, 5))}
        row = find_mapping(self.integration.tenant_id, self.integration.pk)
        save_mapping(self.integration, chosen, version=row.version if row else 0, by="ann")

    def works(self) -> None:
        if run := lifecycle.open_run(self.job_id):
            for unit in waiting(run.pk, Stage.TRANSFORM)[: self.dice.randint(1, 3)]:
                pipeline.handle(Stage.TRANSFORM, [unit])

    def interrupts(self) -> None:
        with suppress(IllegalTransition):
            self.dice.choice((lifecycle.pause, lifecycle.resume, lifecycle.stop, lifecycle.reset))(self.job_id)

    def starts_what_is_due(self) -> None:
        EtlJob.objects.filter(pk=self.job_id, retransform_due_at__isnull=False).update(
            retransform_due_at=timezone.now()
        )
        retransform.start_all_due()

    def comes_to_rest(self) -> None:
        """All pages are loaded, what was interrupted goes on, what is due is done."""
        while self.unread:
            self.loads_a_page()
        with suppress(IllegalTransition):
            lifecycle.resume(self.job_id)
        if run := lifecycle.open_run(self.job_id):
            worked_off(run)
        lifecycle.reset(self.job_id)
        self.starts_what_is_due()
        if run := lifecycle.open_run(self.job_id):
            worked_off(run)


def clean(site: Site) -> Integration:
    """Another integration with the same mapping from the start, into which the same pages were loaded."""
    integration = with_fields(f"{site.integration.name}, clean")
    row = find_mapping(site.integration.tenant_id, site.integration.pk)
    columns = {column: known.external_id for column, known in columns_of(row).items()}
    save_mapping(integration, columns, version=0, by="ann")
    run = a_run(integration, RunKind.IMPORT)
    for page in site.pages:
        transformed(run, *page)
    return integration


@pytest.mark.parametrize("seed", range(3))
def test_any_sequence_of_saves_and_pages_ends_in_the_rows_of_a_clean_load(seed: int) -> None:
    dice = random.Random(seed)
    integrations = [with_fields(name) for name in ("Acme", "Globex")]
    sites = [Site(integration, a_run(integration, RunKind.IMPORT), dice) for integration in integrations]
    deeds: list[Callable[[Site], None]] = [
        *[Site.stores_a_page, Site.loads_a_page, Site.works] * 2,
        *[Site.saves, Site.interrupts, Site.starts_what_is_due],
    ]
    for _ in range(50):
        dice.choice(deeds)(dice.choice(sites))

    for site in sites:
        site.comes_to_rest()

    for site in sites:
        integration = site.integration
        assert derived_rows(integration.pk) == derived_rows(clean(site).pk)
        assert job_of(integration).retransform_due_at is None
        assert stale.find(integration, [step.name for step in lifecycle.sync_steps(integration)]) == Stale([], 0, 0)
