"""Every page opens, stays cheap, and shows hostile text as text."""

import re
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from custommapping.models import Project
from etl.admin.mapping.base import RowOfIntegration
from etl.admin.sidebar import BESIDE, TOPICS, navigation
from etl.models import (
    EtlJob,
    EtlJobEvent,
    EtlJobRun,
    ExtractionCheckpoint,
    ListedItemRow,
    Pr,
    RawExtractionData,
    WorkerRow,
    WorkItem,
    WorkItemPrLink,
)
from etl.models.code import MENTION
from integrations.models import Integration, IntegrationLogo
from integrations.registry import get_provider
from pulse.tenancy.admin.base import ReadOnlyAdmin
from pulse.tenancy.admin.shown import LONGEST_JSON_CHARACTERS, heavy_fields, pretty_json
from pulse.tenancy.models import Tenant, TenantLogo
from tests.etl.admin import addresses
from tests.etl.admin.pressing import named
from tests.etl.admin.rows import APPS, HOSTILE, OWNED, PAGES, Rows

MOST_QUERIES_OF_A_LIST = 12
MOST_QUERIES_OF_A_PAGE = 45


def _queries(client: Client, address: str) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        response = client.get(address)
    assert response.status_code == 200
    return [query["sql"] for query in captured.captured_queries]


def _of_table(queries: list[str], model: type[Model]) -> list[str]:
    return [sql for sql in queries if f'FROM "{model._meta.db_table}"' in sql]


def _more_rows(rows: Rows, model: type[Model], numbers: range) -> None:
    for number in numbers:
        if model is Tenant:
            Tenant.objects.create(name=f"Acme {number}")
        else:
            rows.row(model, number)


def test_every_model_of_the_four_apps_has_a_page() -> None:
    models = {model for app in APPS for model in apps.get_app_config(app).get_models()}
    # The scratch rows of a repair are gone with its end; a logo is seen where its integration, or its tenant, is.
    assert {model for model, _ in PAGES} == models - {ListedItemRow, IntegrationLogo, TenantLogo}


def test_the_sidebar_leads_to_every_page_once() -> None:
    listed = [label for entries in TOPICS.values() for label, _ in entries]
    assert sorted(listed) == sorted(model._meta.label_lower for model in admin.site._registry)


@pytest.mark.parametrize(("model", "page"), PAGES)
def test_a_list_opens_and_shows_hostile_text_as_text(
    model: type[Model], page: Any, superuser: Client, acme: Rows
) -> None:
    acme.row(model)
    response = superuser.get(addresses.list_of(model))
    assert response.status_code == 200
    assert HOSTILE not in response.content.decode()


def _crumbs(client: Client, address: str) -> list[str]:
    """The header's parts: where the page is, from the app on."""
    (header,) = re.findall(r"<h1.*?</h1>", client.get(address).content.decode(), re.DOTALL)
    parts = re.findall(r"<(?:a|span)[^>]*truncate[^>]*>\s*([^<]*?)\s*</", header)
    return [unescape(part) for part in parts]


@pytest.mark.parametrize(("model", "page"), PAGES)
def test_a_lists_header_says_nothing_twice(model: type[Model], page: Any, superuser: Client) -> None:
    crumbs = _crumbs(superuser, addresses.list_of(model))
    assert len(crumbs) == len(set(crumbs)) == 2


@pytest.mark.parametrize(
    ("label", "page", "title"), [(label, page, title) for pages in BESIDE.values() for label, page, title, _ in pages]
)
def test_a_page_beside_a_list_has_the_title_that_the_sidebar_gives_it(
    label: str, page: str, title: str, superuser: Client, acme: Rows
) -> None:
    shown = _crumbs(superuser, named(apps.get_model(label), page))
    assert shown[-1] == title


@pytest.mark.parametrize(("model", "page"), PAGES)
def test_a_row_opens_with_few_queries_and_shows_hostile_text_as_text(
    model: type[Model], page: Any, superuser: Client, acme: Rows
) -> None:
    row = acme.row(model)
    assert len(_queries(superuser, addresses.page_of(row))) <= MOST_QUERIES_OF_A_PAGE
    assert HOSTILE not in superuser.get(addresses.page_of(row)).content.decode()


@pytest.mark.parametrize(("model", "page"), PAGES)
def test_a_list_makes_no_more_queries_for_more_rows(
    model: type[Model], page: Any, superuser: Client, acme: Rows
) -> None:
    _more_rows(acme, model, range(1, 3))
    few = _queries(superuser, addresses.list_of(model))
    _more_rows(acme, model, range(3, 9))
    many = _queries(superuser, addresses.list_of(model))
    assert len(many) <= len(few) <= MOST_QUERIES_OF_A_LIST


@pytest.mark.parametrize(("model", "page"), PAGES)
def test_a_list_reads_no_unbounded_column_that_it_does_not_show(
    model: type[Model], page: Any, superuser: Client, acme: Rows
) -> None:
    acme.row(model)
    shown = {*map(str, page.list_display), *page.list_loads}
    unseen = [f'"{model._meta.db_table}"."{name}"' for name in heavy_fields(model) if name not in shown]
    queries = _of_table(_queries(superuser, addresses.list_of(model)), model)
    assert queries
    assert not [sql for sql in queries for column in unseen if column in sql]


@pytest.mark.parametrize(("model", "page"), [entry for entry in PAGES if isinstance(entry[1], ReadOnlyAdmin)])
def test_a_list_of_what_workers_write_counts_no_rows(
    model: type[Model], page: Any, superuser: Client, acme: Rows
) -> None:
    acme.row(model)
    assert not [sql for sql in _queries(superuser, addresses.list_of(model)) if "COUNT(" in sql]


@pytest.mark.parametrize(("model", "page"), [entry for entry in OWNED if isinstance(entry[1], ReadOnlyAdmin)])
def test_the_filters_of_what_workers_write_read_no_choices_from_its_table(
    model: type[Model], page: Any, superuser: Client, acme: Rows
) -> None:
    acme.row(model)
    queries = _of_table(_queries(superuser, addresses.list_of(model)), model)
    assert not [sql for sql in queries if "DISTINCT" in sql]


@pytest.mark.parametrize(("parameter", "value"), [("state", "MERGED"), ("size_class", "XXL")])
def test_pull_requests_are_filtered_by_what_they_are_loaded_with(
    parameter: str, value: str, superuser: Client, acme: Rows
) -> None:
    wanted, other = acme.row(Pr), acme.row(Pr, 2)
    Pr.objects.filter(pk=wanted.pk).update(**{parameter: value})
    content = superuser.get(addresses.list_of(Pr), {parameter: value}).content.decode()
    assert addresses.page_of(wanted) in content
    assert addresses.page_of(other) not in content


def test_links_are_filtered_by_the_side_that_they_were_found_on(superuser: Client, acme: Rows) -> None:
    mentioned, told = acme.row(WorkItemPrLink), acme.row(WorkItemPrLink, 2)
    WorkItemPrLink.objects.filter(pk=mentioned.pk).update(source=MENTION)
    for value, wanted, other in (("mention", mentioned, told), ("source", told, mentioned)):
        content = superuser.get(addresses.list_of(WorkItemPrLink), {"found": value}).content.decode()
        assert addresses.page_of(wanted) in content
        assert addresses.page_of(other) not in content


@pytest.mark.parametrize(("model", "page"), PAGES)
def test_a_search_finds_no_fault(model: type[Model], page: Any, superuser: Client, acme: Rows) -> None:
    acme.row(model)
    for words in ("1", "Acme", "100%'"):
        assert superuser.get(addresses.list_of(model), {"q": words}).status_code == 200


@pytest.mark.parametrize(("model", "page"), PAGES)
def test_the_page_to_add_a_row_opens_where_there_is_one(
    model: type[Model], page: Any, superuser: Client, acme: Rows
) -> None:
    made_elsewhere = isinstance(page, ReadOnlyAdmin | RowOfIntegration) or model is EtlJob
    expected = 403 if made_elsewhere else 200
    assert superuser.get(addresses.add(model)).status_code == expected


@pytest.mark.parametrize("model", [RawExtractionData, ExtractionCheckpoint, EtlJobEvent])
def test_the_number_of_a_run_is_searched_as_a_number(model: type[Model], superuser: Client, acme: Rows) -> None:
    wanted, other = acme.row(model), acme.row(model, 2)
    with CaptureQueriesContext(connection) as captured:
        content = superuser.get(addresses.list_of(model), {"q": str(wanted.run_id)}).content.decode()
    assert addresses.page_of(wanted) in content
    assert addresses.page_of(other) not in content
    # No index has the numbers as texts.
    assert not [sql for sql in _of_table([query["sql"] for query in captured], model) if "::varchar" in sql]
    assert addresses.page_of(wanted) not in superuser.get(addresses.list_of(model), {"q": "1x"}).content.decode()


def test_a_search_finds_rows_that_have_each_of_the_words(superuser: Client, acme: Rows) -> None:
    project = acme.row(Project)
    Project.objects.filter(pk=project.pk).update(key="PAY", name="Payments of Europe")
    for words, found in (("europe pay", True), ('"of Europe"', True), ("payments asia", False), ("  ", True)):
        content = superuser.get(addresses.list_of(Project), {"q": words}).content.decode()
        assert (addresses.page_of(project) in content) is found


@pytest.mark.parametrize(
    ("model", "parameter", "value"),
    [
        (RawExtractionData, "entity_type", sorted(get_provider("jira").entity_types())[0]),
        (ExtractionCheckpoint, "step", get_provider("jira").steps[0].name),
    ],
)
def test_a_list_is_filtered_by_what_providers_declare(
    model: type[Model], parameter: str, value: str, superuser: Client, acme: Rows
) -> None:
    wanted, other = acme.row(model), acme.row(model, 2)
    model._default_manager.filter(pk=wanted.pk).update(**{parameter: value})
    content = superuser.get(addresses.list_of(model), {parameter: value}).content.decode()
    assert addresses.page_of(wanted) in content
    assert addresses.page_of(other) not in content


@pytest.mark.parametrize(("points", "shown"), [("8", "8"), ("0.5", "0.5"), ("100", "100"), ("0", "0")])
def test_story_points_are_shown_as_people_write_them(points: str, shown: str, superuser: Client, acme: Rows) -> None:
    item = acme.row(WorkItem)
    WorkItem.objects.filter(pk=item.pk).update(story_points=Decimal(points))
    response = superuser.get(addresses.page_of(item))
    fields = [field for fieldset in response.context["adminform"] for line in fieldset for field in line]
    texts = {str(field.field["name"]): str(field.contents()) for field in fields}
    assert texts["points"] == shown
    assert "story_points" not in texts


def test_a_tenants_people_are_not_told_which_machine_worked_on_a_unit(
    superuser: Client, administrator: Client, acme: Rows
) -> None:
    machine = WorkerRow.objects.create(host="inner-machine-7", pid=1, tier="all")
    unit = acme.row(ExtractionCheckpoint)
    ExtractionCheckpoint.objects.filter(pk=unit.pk).update(worker=machine)
    assert "inner-machine-7" in superuser.get(addresses.page_of(unit)).content.decode()
    assert "inner-machine-7" not in administrator.get(addresses.page_of(unit)).content.decode()
    machine.delete()
    assert superuser.get(addresses.page_of(unit)).status_code == 200


def test_a_page_shows_json_indented_for_a_script_to_fold(superuser: Client, acme: Rows) -> None:
    content = superuser.get(addresses.page_of(acme.row(ExtractionCheckpoint))).content.decode()
    assert "&quot;text&quot;: &quot;&lt;script&gt;alert(1)&lt;/script&gt;&quot;,\n" in content
    assert "<pre data-json" in content
    assert 'src="/static/etl/json_pages.js"' in content


def test_a_very_long_payload_is_cut_and_says_so() -> None:
    shown = pretty_json({"text": "x" * (LONGEST_JSON_CHARACTERS + 100)})
    assert len(shown) < LONGEST_JSON_CHARACTERS + 200
    assert "characters more" in shown


def test_a_payload_that_is_nested_too_deeply_says_so() -> None:
    payload: list[Any] = []
    for _ in range(5000):
        payload = [payload]
    assert "nested too deeply" in pretty_json(payload)


@pytest.mark.parametrize("parameter", ["level", "q", "run__id__exact"])
def test_a_list_cannot_be_asked_for_what_no_column_can_hold(parameter: str, superuser: Client, acme: Rows) -> None:
    response = superuser.get(addresses.list_of(EtlJobEvent), {parameter: "a\0"})
    assert response.headers["Location"].endswith("?e=1")


@pytest.mark.parametrize("ticked", ["abc", "", "1.5", "\0", "9" * 5000])
def test_rows_are_ticked_by_their_numbers(ticked: str, superuser: Client, acme: Rows) -> None:
    form = {"action": "stop", "_selected_action": [acme.row(EtlJob).pk, ticked]}
    assert superuser.post(addresses.list_of(EtlJob), form).status_code == 400


def test_an_empty_list_says_whether_filters_made_it_so_and_offers_to_add_only_what_can_be_added(
    superuser: Client, db: None
) -> None:
    def content(model: type[Model], **query: str) -> str:
        return superuser.get(addresses.list_of(model), query).content.decode()

    assert "There is nothing here yet." in content(WorkItem)
    assert "Add work item" not in content(WorkItem)
    assert "Add integration" in content(Integration)
    for query in ({"q": "PAY-1"}, {"rework_indicator__exact": "1"}):
        filtered = content(WorkItem, **query)
        assert "Nothing matches the search and the filters." in filtered
        assert "Reset filters" in filtered


def test_rows_that_nobody_counts_are_not_ticked_all_at_once(superuser: Client, acme: Rows) -> None:
    run, address = acme.row(EtlJobRun), addresses.list_of(EtlJobRun)
    assert "Select all 9" not in superuser.get(address).content.decode()
    form = {"action": "stop", "_selected_action": [run.pk], "select_across": "1", "confirmed": "1"}
    assert superuser.post(address, form).status_code == 400


def test_the_first_page_shows_the_sidebar(superuser: Client, settings: Settings) -> None:
    settings.UNFOLD = {**settings.UNFOLD, "SIDEBAR": {"navigation": "etl.admin.sidebar.navigation"}}
    content = superuser.get("/admin/").content.decode()
    assert all(topic in content for topic in TOPICS)
    assert "Etl job" not in content
    assert all(f'href="{addresses.list_of(model)}"' in content for model, _ in PAGES)


def test_a_stranger_is_sent_to_the_login(client: Client, db: None) -> None:
    response = client.get(addresses.list_of(RawExtractionData))
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")
    assert client.get(response["Location"]).status_code == 200


def test_the_sidebar_offers_only_what_the_person_may_see(superuser: Client, administrator: Client) -> None:
    assert _offered(superuser) - _offered(administrator) == {addresses.list_of(WorkerRow), named(WorkerRow, "queues")}


def _offered(client: Client) -> set[str]:
    """The links of the sidebar for this person."""
    request = client.get("/admin/").wsgi_request
    return {item["link"] for topic in navigation(request) for item in topic["items"]}
