"""For whom a session asks: whatever happened to the connection before, the next statement asks for who works now."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.db import ProgrammingError, connection, transaction

from etl.sql import fetch
from pulse.postgres.roles import PLATFORM, RUNTIME
from pulse.postgres.scope import (
    in_same_scope,
    nobody_scope,
    owner_scope,
    platform_scope,
    tenant_scope,
)

pytestmark = pytest.mark.django_db


def session() -> tuple[str, str]:
    """(role, tenant) as the session has them."""
    role, tenant = fetch("SELECT current_user::text, current_setting('pulse.tenant', true)", [])[0]
    return role, tenant


def test_scopes_nest_and_the_outer_one_is_back_after_the_inner() -> None:
    with tenant_scope(1):
        assert session() == (RUNTIME, "1")
        with tenant_scope(2):
            assert session() == (RUNTIME, "2")
        with platform_scope():
            assert session() == (PLATFORM, "")
        assert session() == (RUNTIME, "1")
        with nobody_scope():
            assert session() == (RUNTIME, "")


class Broken(Exception):
    """What a test raises."""


def test_a_scope_is_left_also_where_its_work_failed() -> None:
    with tenant_scope(1):
        with suppress(Broken), tenant_scope(2):
            session()
            raise Broken
        assert session() == (RUNTIME, "1")


def test_what_a_rollback_takes_back_the_next_statement_sets_again() -> None:
    with tenant_scope(1):
        session()
        with suppress(Broken), transaction.atomic():
            with tenant_scope(2):
                assert session() == (RUNTIME, "2")
            raise Broken
        assert session() == (RUNTIME, "1")
        with tenant_scope(2), suppress(Broken), transaction.atomic():
            assert session() == (RUNTIME, "2")
            raise Broken
        assert session() == (RUNTIME, "1")


@pytest.mark.django_db(transaction=True)
def test_nothing_is_left_to_who_has_the_connection_next() -> None:
    with tenant_scope(1), transaction.atomic():
        assert session() == (RUNTIME, "1")
    with nobody_scope():
        assert session() == (RUNTIME, "")
    with tenant_scope(2):
        session()
        connection.close()
        assert session() == (RUNTIME, "2")


@pytest.mark.django_db(transaction=True)
def test_a_thread_begins_as_nobody_but_where_it_is_to_work_for_the_same() -> None:
    def ask() -> tuple[str, str]:
        try:
            return session()
        finally:
            connection.close()

    with tenant_scope(7), ThreadPoolExecutor(1) as pool:
        assert pool.submit(ask).result() == (RUNTIME, "")
        assert pool.submit(in_same_scope(ask)).result() == (RUNTIME, "7")
        assert pool.submit(ask).result() == (RUNTIME, "")


def test_a_scope_is_of_a_tenants_id_and_of_nothing_else() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        tenant_scope("1'; RESET ROLE; --")  # type: ignore[arg-type]  # as a forgotten check would


def test_the_owner_makes_tables_and_nobody_else_does() -> None:
    with owner_scope():
        fetch("CREATE TABLE made (id int); SELECT 1", [])
    with tenant_scope(1), pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        fetch("SELECT * FROM made", [])
