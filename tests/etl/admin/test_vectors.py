"""The page of vectors tells how the store is and how far it is from the rows, and has texts embedded anew."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from etl.doctor.results import Found, State, failed
from etl.embedding.backends import get_store
from etl.jobs import lifecycle
from etl.models import EtlJobRun, QdrantVector, RunKind, Verification
from etl.queue.topology import Stage
from integrations.errors import Transient
from pulse.tenancy.models import AuditEntry
from tests.etl.admin.pressing import named
from tests.etl.admin.rows import HOSTILE, staff
from tests.support.driving import work_off
from tests.support.loading import Loading, offline_integration
from tests.support.records import issue, items

OVERVIEW = named(QdrantVector, "overview")
PART = {"X-Part": "1"}
MOST_QUERIES = 20


def embedded(tenant: str, *summaries: str) -> Loading:
    """A tenant's integration whose issues are all in the store; its run is over."""
    loading = Loading.of(offline_integration(tenant, f"Jira of {tenant}"))
    loading.load(items(*[issue(str(number), summary=summary) for number, summary in enumerate(summaries, 1)]))
    work_off(loading.run, stages=(Stage.EMBEDDING,))
    EtlJobRun.objects.filter(pk=loading.run.pk).update(status="FINISHED")
    loading.integration.jobs.update(status={"overall": "FINISHED", "steps": {}})
    return loading


@pytest.fixture
def own(db: None) -> Loading:
    return embedded("Acme", "One", "Two", f"Three {HOSTILE}")


def member(client: Client, loading: Loading, role: str) -> Client:
    client.force_login(staff(f"the {role}", loading.integration.tenant, role=role))
    return client


@pytest.fixture
def otto(client: Client, own: Loading) -> Client:
    return member(client, own, "operator")


def figures(client: Client, loading: Loading, table: str = "work_items") -> dict[str, str]:
    content = client.get(OVERVIEW, headers=PART).content.decode()
    row = re.search(rf'id="vectors-{loading.integration.pk}-{table}">(.*?)</tr>', content, re.DOTALL)
    assert row
    return dict(re.findall(r'data-figure="(\w+)">(\d+)<', row.group(1)))


def pressed(client: Client, address: str = OVERVIEW, **form: Any) -> list[str]:
    response = client.post(address, {**form, "confirmed": "1"}, follow=True)
    assert response.status_code == 200
    return [str(message) for message in response.context["messages"]]


def test_what_the_store_has_is_shown_beside_what_the_rows_say(otto: Client, own: Loading) -> None:
    content = otto.get(OVERVIEW).content.decode()

    (of_tenant,) = otto.get(OVERVIEW).context["tenants"]
    assert of_tenant.points == of_tenant.completed == QdrantVector.objects.count()
    assert figures(otto, own) == {"completed": "3", "waiting": "0", "failed": "0"}
    assert "The vector store answers" in content
    assert "both are alike" in content


def test_points_that_are_lost_make_a_difference_and_are_named_on_the_page_that_compares(
    otto: Client, own: Loading
) -> None:
    lost = QdrantVector.objects.get(table_name="work_items", external_id="2")
    get_store().delete(lost.collection, [str(lost.point_id)])

    assert "the store lacks points" in otto.get(OVERVIEW).content.decode()
    response = otto.get(named(QdrantVector, "drift", own.integration.pk))

    (one,) = response.context["drift"].lost
    assert (one.table_name, one.count, list(one.external_ids)) == ("work_items", 1, ["2"])
    assert "lost: a row says that it is embedded" in response.content.decode()


def test_a_table_is_embedded_anew_after_that_was_asked_about(otto: Client, own: Loading) -> None:
    form: dict[str, Any] = {"integration": own.integration.pk, "table": "work_items"}
    before = QdrantVector.objects.filter(status="pending").count()

    assert "Embed about 3 texts" in otto.post(OVERVIEW, form).content.decode()
    assert QdrantVector.objects.filter(status="pending").count() == before == 0
    (said,) = pressed(otto, **form)

    run = EtlJobRun.objects.latest("pk")
    assert said.startswith(f"{own.integration} was queued to be embedded anew (work_items): ")
    assert (run.kind, run.status, run.trigger) == (RunKind.REPROCESS, "RUNNING", "admin: the operator")
    assert figures(otto, own) == {"completed": "0", "waiting": "3", "failed": "0"}
    assert AuditEntry.objects.filter(action="job.reembedded").exists()

    get_store().written.clear()  # type: ignore[attr-defined]  # the store in memory
    work_off(run, stages=(Stage.EMBEDDING,))
    run.refresh_from_db()
    assert run.status == "FINISHED"
    assert len(get_store().written) == 3  # type: ignore[attr-defined]
    assert figures(otto, own)["completed"] == "3"


def test_all_tables_of_an_integration_are_embedded_anew(otto: Client, own: Loading) -> None:
    assert len(pressed(otto, integration=own.integration.pk)) == 1
    assert not QdrantVector.objects.exclude(status="pending").exists()


def test_what_cannot_be_queued_says_why_and_changes_nothing(otto: Client, own: Loading) -> None:
    lifecycle.start(own.integration.jobs.get().pk, trigger="test")
    (said,) = pressed(otto, integration=own.integration.pk)
    assert "was not queued to be embedded anew" in said
    (said,) = pressed(otto, integration=own.integration.pk, table="prs")
    assert "was not queued to be embedded anew" in said
    assert not QdrantVector.objects.exclude(status="completed").exists()


def test_what_differs_is_put_down_to_be_repaired(otto: Client, own: Loading) -> None:
    (said,) = pressed(otto, named(QdrantVector, "drift", own.integration.pk))
    assert "was put down to be verified and repaired" in said
    assert Verification.objects.get().repairs


@pytest.mark.parametrize("form", [{"integration": "x"}, {"integration": "4711"}, {"integration": "9" * 30}, {}])
def test_there_must_be_such_an_integration(form: dict[str, str], otto: Client) -> None:
    assert otto.post(OVERVIEW, {**form, "confirmed": "1"}).status_code == 404


def test_only_tables_whose_texts_are_embedded_are_embedded_anew(otto: Client, own: Loading) -> None:
    form = {"integration": own.integration.pk, "table": "users", "confirmed": "1"}
    assert otto.post(OVERVIEW, form).status_code == 404


def test_a_viewer_sees_the_figures_and_no_button(client: Client, own: Loading) -> None:
    viewer = member(client, own, "viewer")
    drift = named(QdrantVector, "drift", own.integration.pk)

    assert figures(viewer, own)["completed"] == "3"
    assert "<button" not in viewer.get(OVERVIEW, headers=PART).content.decode()
    assert "Verify and repair" not in viewer.get(drift).content.decode()
    for address in (OVERVIEW, drift):
        assert viewer.post(address, {"integration": own.integration.pk, "confirmed": "1"}).status_code == 403
    assert not QdrantVector.objects.exclude(status="completed").exists()


def test_nothing_of_another_tenant_is_shown_or_embedded(otto: Client) -> None:
    rival = embedded("Rival", "Nine")

    assert "Rival" not in otto.get(OVERVIEW).content.decode()
    assert f"tenant_{rival.integration.tenant_id}" not in otto.get(OVERVIEW).content.decode()
    assert otto.get(named(QdrantVector, "drift", rival.integration.pk)).status_code == 404
    assert otto.post(OVERVIEW, {"integration": rival.integration.pk, "confirmed": "1"}).status_code == 404
    assert QdrantVector.objects.filter(tenant=rival.integration.tenant, status="completed").exists()


def test_a_superuser_sees_all_tenants_and_strangers_nothing(superuser: Client, stray: Client, own: Loading) -> None:
    embedded("Rival", "Nine")
    content = superuser.get(OVERVIEW).content.decode()
    assert "Jira of Rival" in content
    assert "Jira of Acme" in content
    assert stray.get(OVERVIEW).status_code == 403
    assert Client().get(OVERVIEW).status_code == 302


def test_more_rows_need_no_more_queries(otto: Client, own: Loading) -> None:
    with CaptureQueriesContext(connection) as captured:
        otto.get(OVERVIEW, headers=PART)
    assert len(captured) <= MOST_QUERIES


def test_a_store_that_is_away_is_said_to_be_and_the_rows_are_shown_all_the_same(
    otto: Client, own: Loading, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> Found:
        return failed("nobody answers at inner-host:6333", "start Qdrant")

    monkeypatch.setattr("etl.doctor.vectors.store", away)

    content = otto.get(OVERVIEW).content.decode()

    assert away().state == State.FAILED
    assert "The vector store does not answer" in content
    assert "inner-host" not in content
    assert figures(otto, own)["completed"] == "3"


def test_a_collection_that_cannot_be_read_says_why(otto: Client, own: Loading, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_use(tenant_id: int) -> None:
        raise Transient("it is in use by another process")

    monkeypatch.setattr("etl.embedding.inspecting.collections", in_use)
    assert "it is in use by another process" in otto.get(OVERVIEW).content.decode()
