from typing import Any

import pytest
from django.test import Client

from pulse.tenancy.models import User
from tests.etl.admin.rows import Rows, staff


def _client(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def superuser(db: None) -> Client:
    return _client(User.objects.create_superuser("root", password="right horse"))


@pytest.fixture
def administrator(acme: Rows) -> Client:
    return _client(staff("ada", acme.tenant))


@pytest.fixture
def operator(acme: Rows) -> Client:
    return _client(staff("otto", acme.tenant, role="operator"))


@pytest.fixture
def viewer(acme: Rows) -> Client:
    return _client(staff("vera", acme.tenant, role="viewer"))


@pytest.fixture
def stray(db: None) -> Client:
    """Staff without a tenant."""
    return _client(staff("stan", None))


def pytest_make_parametrize_id(val: Any) -> str | None:
    """Names a test after its model, not after its place in the list."""
    return val._meta.label if hasattr(val, "_meta") else "page" if hasattr(val, "list_display") else None
