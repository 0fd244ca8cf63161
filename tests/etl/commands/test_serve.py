"""serve: pages, sockets, workers and schedule in one process."""

import secrets
import signal
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from django.conf import settings

from etl.jobs import lifecycle
from tests.services.waiting import wait_until
from tests.support.installations import Installation
from tests.support.processes import answers, free_port
from tests.support.sites import connect, small_site

pytestmark = pytest.mark.slow


def test_serve_works_on_what_another_command_begins_and_ends_on_sigterm(pulse: Installation) -> None:
    # As in a fresh folder, unless somebody collected files there.
    with suppress(OSError):
        Path(settings.STATIC_ROOT).rmdir()
    port = free_port()
    with small_site(12) as site, pulse.start("serve", "--port", port) as server:
        integration = connect(site, tenant=f"Tenant {secrets.token_hex(4)}").integration
        assert wait_until(lambda: answers(port), 60), server.errors

        begun = pulse.run("run_job", "--integration", integration.pk, "--json")
        assert begun.answer["status"] == "RUNNING"
        assert wait_until(lambda: lifecycle.open_run(integration.jobs.get().pk) is None, 60)
        watched = pulse.run("run_job", "--integration", integration.pk, "--wait", "--json")

        assert (watched.code, watched.answer["status"]) == (0, "FINISHED")
        assert httpx.get(f"http://127.0.0.1:{port}/admin/login/", trust_env=False).status_code == 200
        ended = server.stop(signal.SIGTERM)

    assert ended.code == 0, ended.errors
    assert "Traceback" not in ended.errors
    assert "Warning" not in ended.errors
