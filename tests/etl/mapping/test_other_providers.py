"""Re-transforms of what has no custom fields: a newer reader makes it stale, a mapping cannot."""

from collections.abc import Iterator

import pytest

from custommapping.errors import Refused
from etl.mapping import retransform, stale
from etl.mapping.preview import Preview, preview
from etl.mapping.saving import save_mapping
from etl.models import Overall, Pr
from tests.support.driving import run_to_end, worked_off
from tests.support.github import ConnectedGitHub, connect_github, small_github
from tests.support.tables import derived_rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def github() -> Iterator[ConnectedGitHub]:
    with small_github() as server:
        yield connect_github(server)


def test_pull_requests_are_made_anew_by_a_newer_reader_and_no_mapping_of_fields_is_possible(
    github: ConnectedGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_to_end(github.job).status == Overall.FINISHED
    before = derived_rows(github.integration.pk)
    assert retransform.start(github.job.pk, trigger="test") is None
    Pr.objects.update(title="As an older reader read it")
    monkeypatch.setattr(type(github.integration.provider_code), "reader_version", 99)

    run = retransform.start(github.job.pk, trigger="test")

    assert run
    assert worked_off(run).status == Overall.FINISHED
    after = derived_rows(github.integration.pk)
    assert [row["title"] for row in after["prs"]] == [row["title"] for row in before["prs"]]
    assert not stale.find(github.integration, [github.integration.provider_code.items_step]).claimable
    with pytest.raises(Refused, match="has no custom field 'customfield_1'"):
        save_mapping(github.integration, {"team": "customfield_1"}, version=0, by="ann")
    assert preview(github.integration, {}) == Preview(0, {}, [])
