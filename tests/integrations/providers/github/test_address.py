import pytest

from integrations.errors import Permanent
from integrations.providers.github.address import GITHUB, Address, address_of


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "https://github.com",
        "https://github.com/",
        "http://www.github.com",
        "https://GitHub.com",
        "https://api.github.com",
        "https://api.github.com/graphql",
        "https://github.com/api/v3//",
    ],
)
def test_github_com_has_one_address_however_it_is_written(base_url: str) -> None:
    assert address_of(base_url) == GITHUB == Address("https://github.com", "https://api.github.com", "/graphql", "")


@pytest.mark.parametrize("path", ["", "/", "/api", "/api/v3", "/api/v3/", "/api/graphql", "/api/v3/graphql", "//"])
def test_an_enterprise_server_answers_below_its_own_address(path: str) -> None:
    root = "https://ghe.acme.com:8443"
    assert address_of(root + path) == Address(root, root, "/api/graphql", "/api/v3")


@pytest.mark.parametrize("base_url", ["https://acme.ghe.com", "https://api.acme.ghe.com/graphql"])
def test_enterprise_cloud_with_data_residency_has_its_api_beside_the_site(base_url: str) -> None:
    assert address_of(base_url) == Address("https://acme.ghe.com", "https://api.acme.ghe.com", "/graphql", "")


@pytest.mark.parametrize(
    ("base_url", "advice"),
    [
        ("https://github.com/acme", "leave it empty, and set organization to acme"),
        ("https://github.com/acme/web.git", "leave it empty, and set repositories to acme/web"),
        ("https://github.com/acme/web/pull/12/files", "leave it empty, and set repositories to acme/web"),
        ("https://gist.github.com/ada/1234", "leave it empty"),
        ("https://raw.githubusercontent.com", "leave it empty"),
        ("https://ghe.acme.com/acme/web", "write https://ghe.acme.com, and set repositories to acme/web"),
        ("https://acme.ghe.com/octo", "write https://acme.ghe.com, and set organization to octo"),
    ],
)
def test_the_address_of_a_page_is_refused_with_what_to_write(base_url: str, advice: str) -> None:
    with pytest.raises(Permanent) as caught:
        address_of(base_url)
    assert str(caught.value) == f"setting base_url is {base_url!r}, which is the address of a page: {advice}"


@pytest.mark.parametrize(
    "base_url",
    [
        "github.com",
        "ghe.acme.com/api/v3",
        "git@github.com:acme/web.git",
        "ssh://git@ghe.acme.com",
        "https://",
        "https://ghe.acme.com?x=1",
        "https://ghe.acme.com/#top",
        "https://ghe .acme.com",
        "ftp://ghe.acme.com",
    ],
)
def test_what_is_no_address_is_named_with_an_example(base_url: str) -> None:
    with pytest.raises(Permanent, match=r"^setting base_url (is '|holds a user)") as caught:
        address_of(base_url)
    assert "ghe.acme.com" in str(caught.value)


def test_credentials_in_the_address_are_not_shown() -> None:
    with pytest.raises(Permanent, match=r"before the host 'ghe.acme.com': use token") as caught:
        address_of("https://ada:s3cret@ghe.acme.com")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("base_url", ["https://ghe.acme.com:port", "https://[::1"])
def test_an_address_that_cannot_be_read_says_why(base_url: str) -> None:
    with pytest.raises(Permanent, match="setting base_url is 'https://"):
        address_of(base_url)
