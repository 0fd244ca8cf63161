from dataclasses import replace

import pytest

from integrations.errors import Permanent
from integrations.provider import Connection
from integrations.providers.github.scope import Scope, checked_scope, unmatched

NAMES = ("acme/web", "acme/api-users", "acme/api-orders", "Acme/Billing-Service", "labs/web", "labs/api-x", "other/web")


def scope(organization: str = "", repositories: str = "", exclude: str = "") -> Scope:
    settings = {"organization": organization, "repositories": repositories, "exclude_repositories": exclude}
    return checked_scope(Connection(1, "GitHub", settings, {}))


@pytest.mark.parametrize(
    ("settings", "held"),
    [
        (("acme",), {"acme/web", "acme/api-users", "acme/api-orders", "Acme/Billing-Service"}),
        (("ACME, labs", "web"), {"acme/web", "labs/web"}),
        (("acme", "API-*"), {"acme/api-users", "acme/api-orders"}),
        (("acme", "*-service, labs/api-?"), {"Acme/Billing-Service", "labs/api-x"}),
        (("", "acme/web, labs/*"), {"acme/web", "labs/web", "labs/api-x"}),
        (("acme", "*/web"), {"acme/web"}),
        (("acme", "other/web"), {"other/web"}),
        (("", "acme/api-[uv]sers"), {"acme/api-users"}),
        (("acme", "", "api-*, *-SERVICE"), {"acme/web"}),
        (("acme,labs", "", "labs/*, acme/web"), {"acme/api-users", "acme/api-orders", "Acme/Billing-Service"}),
        (("", "acme/*", "acme/*"), set()),
    ],
)
def test_entries_name_repositories_in_any_case(settings: tuple[str, ...], held: set[str]) -> None:
    found = scope(*settings)
    assert {name for name in NAMES if found.holds(name)} == held


@pytest.mark.parametrize(
    ("settings", "owners", "names"),
    [
        (("acme",), ["acme"], []),
        (("acme, ACME, labs",), ["ACME", "labs"], []),
        (("acme", "api-*, web"), ["acme"], []),
        (("acme", "web, billing"), [], ["acme/web", "acme/billing"]),
        (("", "acme/web, ACME/Web, labs/api-*, labs/web"), ["labs"], ["ACME/Web"]),
        (("acme", "other/*"), ["other"], []),
    ],
)
def test_owners_are_listed_where_a_pattern_needs_it(
    settings: tuple[str, ...], owners: list[str], names: list[str]
) -> None:
    found = scope(*settings)
    assert (found.owners(), found.names()) == (owners, names)


def test_what_an_owner_should_have_is_known() -> None:
    found = scope("acme", "web, acme/api-*, labs/web")
    assert found.entries_of("ACME") == ["acme/web", "acme/api-*"]
    assert unmatched(found.entries_of("acme"), ["Acme/WEB"]) == ["acme/api-*"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (("", ""), "organization and repositories are both empty"),
        (("https://github.com/acme",), "setting organization is 'https://github.com/acme'"),
        (("acme/web",), "setting organization is 'acme/web'"),
        (("acme-*",), "setting organization is 'acme-*'"),
        (("acme", "https://github.com/acme/web"), "setting repositories has 'https://github.com/acme/web'"),
        (("acme", "a/b/c"), "setting repositories has 'a/b/c'"),
        (("acme", "acme/*, !acme/web"), "setting repositories has '!acme/web': write acme/web to exclude_repositories"),
        (("acme", "", "web api"), "setting exclude_repositories has 'web api'"),
        (("", "web"), "setting repositories has 'web' of no owner"),
        (("", "acme/web, *-service"), r"setting repositories has '*-service' of no owner"),
        (("acme", "lab*/web"), "setting repositories has 'lab*/web' of no owner"),
    ],
)
def test_a_setting_that_cannot_be_right_is_told(settings: tuple[str, ...], told: str) -> None:
    with pytest.raises(Permanent) as raised:
        scope(*settings)
    assert told in str(raised.value)


def test_a_scope_is_made_of_texts_alone() -> None:
    """It is kept in cursors."""
    found = scope("acme", "web", "api")
    assert replace(found) == Scope(("acme",), ("acme/web",), ("api",))
