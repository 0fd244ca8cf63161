import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from integrations.sandbox import SandboxServer, Site, SiteSpec

MYSELF, SEARCH = "/rest/api/3/myself", "/rest/api/3/search/jql"


@pytest.mark.parametrize("auth", [None, ("demo@example.com", "wrong"), ("other@example.com", "sandbox-token")])
def test_wrong_or_missing_credentials_are_a_401(server: SandboxServer, auth: tuple[str, str] | None) -> None:
    response = httpx.get(server.url + MYSELF, auth=auth)
    assert response.status_code == 401
    assert "authenticated" in response.json()["message"]


def test_credentials_can_be_chosen(site: Site) -> None:
    with SandboxServer(site, email="ci@example.com", token="t0ken-ü") as server:
        assert httpx.get(server.url + MYSELF, auth=("ci@example.com", "t0ken-ü")).status_code == 200
        assert httpx.get(server.url + MYSELF, auth=("demo@example.com", "sandbox-token")).status_code == 401


def test_one_connection_serves_many_calls(server: SandboxServer, client: httpx.Client) -> None:
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), timeout=10) as raw:
        for _ in range(3):
            raw.sendall(b"GET /nowhere HTTP/1.1\r\nHost: sandbox\r\n\r\n")
            assert raw.recv(65536).startswith(b"HTTP/1.1 401 ")


def test_an_unknown_path_is_a_404_and_another_method_a_405(client: httpx.Client) -> None:
    assert client.get("/rest/api/3/nonsense").status_code == 404
    assert client.post(MYSELF, json={}).status_code == 405
    assert client.post(SEARCH, content=b"{not json").status_code == 400


def test_the_date_header_follows_the_sites_clock(site: Site, client: httpx.Client) -> None:
    site.clock = lambda: 1_700_000_000
    assert client.get(MYSELF).headers["date"] == "Tue, 14 Nov 2023 22:13:20 GMT"


def test_calls_are_counted_and_remembered(server: SandboxServer, client: httpx.Client) -> None:
    client.get(MYSELF)
    client.post(SEARCH, json={"jql": "project = PAY"})
    client.post(SEARCH, json={"jql": "project = WEB"})
    assert server.counts == {MYSELF: 1, SEARCH: 2}
    assert [request.json()["jql"] for request in server.requests if request.body] == ["project = PAY", "project = WEB"]


def test_a_stopped_server_answers_no_more_not_even_on_an_open_connection(site: Site) -> None:
    server = SandboxServer(site)
    server.start()
    with httpx.Client(base_url=server.url, auth=(server.email, server.token)) as client:
        assert client.get(MYSELF).status_code == 200
        server.stop()
        with pytest.raises(httpx.TransportError):
            client.get(MYSELF)


def test_two_servers_run_side_by_side_and_a_taken_port_is_an_error(site: Site, server: SandboxServer) -> None:
    with SandboxServer(Site(SiteSpec(1))) as other:
        assert other.url != server.url
    with pytest.raises(OSError, match="in use"):
        SandboxServer(site, port=int(server.url.rsplit(":", 1)[1]))


def test_readers_on_several_threads_get_whole_pages_while_the_site_is_edited(server: SandboxServer, site: Site) -> None:
    keys = site.keys("PAY")

    def crawl(_: int) -> int:
        body = {"jql": "project = PAY ORDER BY id", "fields": ["*all"], "expand": "changelog", "maxResults": 100}
        response = httpx.post(server.url + SEARCH, json=body, auth=(server.email, server.token), timeout=10)
        return len(response.json()["issues"])

    with ThreadPoolExecutor(4) as pool:
        sizes = pool.map(crawl, range(12))
        for key in keys[:12]:
            site.edit_issue(key, summary="edited meanwhile")
        assert set(sizes) == {len(keys)}
