"""Cloud through the address that takes OAuth tokens."""

import httpx

from integrations.sandbox import SandboxServer

MYSELF = "/rest/api/3/myself"


def asked(url: str, token: str) -> int:
    return httpx.get(url + MYSELF, headers={"Authorization": f"Bearer {token}"}).status_code


def test_an_oauth_token_is_taken_under_the_gateways_prefix_and_only_there(server: SandboxServer) -> None:
    assert asked(server.gateway_url, server.bearer) == 200
    assert asked(server.gateway_url, "other") == 401
    assert asked(server.url, server.bearer) == 401


def test_an_api_token_is_not_taken_there(server: SandboxServer) -> None:
    assert httpx.get(server.gateway_url + MYSELF, auth=(server.email, server.token)).status_code == 401


def test_another_sites_id_leads_nowhere(server: SandboxServer) -> None:
    assert asked(f"{server.url}/ex/jira/another-site", server.bearer) != 200


def test_faults_see_the_path_behind_the_gateway(server: SandboxServer) -> None:
    server.faults.fail_first, server.faults.only_under = 1, MYSELF
    assert asked(server.gateway_url, server.bearer) == 500
