"""Exports through a web process: written as they are read, each within its own tenant."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor

import httpx

from etl.api.exports import CHUNK_ROWS
from pulse.tenancy.models import Tenant, User
from pulse.tenancy.tokens import new_tokens
from tests.etl.live.viewers import WAIT_SECONDS, Web
from tests.support.loading import Loading, offline_integration
from tests.support.records import issue, items

ITEMS = 2 * CHUNK_ROWS + 1


def reader(tenant: str) -> str:
    """The token of a user of a tenant with many items of one project, named as the tenant is."""
    loading = Loading.of(offline_integration(tenant))
    loading.load(items(*(issue(str(number), summary=tenant) for number in range(ITEMS))))
    user = User(username=f"user-{secrets.token_hex(4)}", tenant=Tenant.objects.get(name=tenant))
    user.set_unusable_password()
    user.save()
    return str(new_tokens(user).access_token)


def exported(web: Web, token: str) -> tuple[list[str], int]:
    """The summaries in an export, and in how many pieces it came."""
    address = f"http://127.0.0.1:{web.port}/app/etl/work-items/export"
    query, headers = {"format": "jsonl", "fields": "summary"}, {"Authorization": f"Bearer {token}"}
    with (
        httpx.Client(trust_env=False, timeout=WAIT_SECONDS * 4) as client,
        client.stream("GET", address, params=query, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        pieces = list(answer.iter_raw())
    return [json.loads(line)["summary"] for line in b"".join(pieces).splitlines()], len(pieces)


def test_exports_of_two_tenants_at_once_are_whole_in_pieces_and_apart(web: Web) -> None:
    tenants = [f"Tenant {secrets.token_hex(4)}" for _ in range(2)]
    tokens = [reader(tenant) for tenant in tenants]

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda token: exported(web, token), tokens))

    for tenant, (summaries, pieces) in zip(tenants, found, strict=True):
        assert summaries == [tenant] * ITEMS
        assert pieces >= 3
