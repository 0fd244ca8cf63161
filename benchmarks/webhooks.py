"""`manage.py serve` takes deliveries. Prints how long it took to answer, and what came of them."""

import hashlib
import hmac
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import django
import httpx

django.setup()

from django.db.models import Sum  # noqa: E402

from etl.models import EtlJobRun  # noqa: E402
from integrations.models import Integration  # noqa: E402
from pulse.postgres.scope import platform_scope  # noqa: E402
from pulse.tenancy.models import Tenant  # noqa: E402

SECRET = "a secret of the benchmark"
DELIVERIES, CLIENTS, ISSUES = 200, 4, 100
FIRST_ISSUE = 10_000
LOOK_SECONDS = 0.05


def _integration(site: Mapping[str, str]) -> Integration:
    return Integration.objects.create(
        tenant=Tenant.objects.create(name="Benchmark"),
        provider="jira",
        name="Benchmark",
        settings={"base_url": site["url"], "email": site["email"]},
        secrets={"api_token": site["token"], "webhook_secret": SECRET},
    )


@contextmanager
def _served() -> Iterator[str]:
    """The address of a web process with workers of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "manage.py", "serve", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not _answers(port):
            time.sleep(LOOK_SECONDS)
        try:
            yield f"http://127.0.0.1:{port}/app/etl/webhooks/jira"
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _body(number: int) -> bytes:
    issue = {"id": str(FIRST_ISSUE + number % ISSUES), "fields": {"project": {"id": "10000", "key": "PAY"}}}
    return json.dumps({"timestamp": number, "webhookEvent": "jira:issue_updated", "issue": issue}).encode()


def _deliver(address: str, numbers: range) -> list[float]:
    """The milliseconds that each delivery of one client took."""
    took = []
    with httpx.Client(trust_env=False, timeout=60) as client:
        for number in numbers:
            body = _body(number)
            signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
            began = time.perf_counter()
            answer = client.post(address, content=body, headers={"X-Hub-Signature": signature})
            took.append((time.perf_counter() - began) * 1000)
            assert answer.status_code == 202, answer.text
    return took


def _figures(took: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(took, n=20)
    return {"p50_ms": round(cuts[9], 1), "p95_ms": round(cuts[18], 1)}


def main(site: Mapping[str, str]) -> None:
    integration = _integration(site)
    each = DELIVERIES // CLIENTS
    with _served() as root, ThreadPoolExecutor(CLIENTS) as clients:
        address = f"{root}/{integration.pk}"
        # The first requests find a process that has imported little.
        _deliver(address, range(-20, 0))
        one_by_one = _deliver(address, range(DELIVERIES))
        places = [range(DELIVERIES + n * each, DELIVERIES + (n + 1) * each) for n in range(CLIENTS)]
        at_once = sum(clients.map(lambda numbers: _deliver(address, numbers), places), start=list[float]())
        runs = EtlJobRun.objects.filter(integration=integration)
        while runs.filter(status="RUNNING").exists():
            time.sleep(LOOK_SECONDS)
    figures = {
        "deliveries": len(one_by_one) + len(at_once),
        "one_client": _figures(one_by_one),
        f"{CLIENTS}_clients": _figures(at_once),
        "runs": runs.count(),
        "calls": runs.aggregate(calls=Sum("api_calls_made"))["calls"],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    with platform_scope():
        main(json.load(sys.stdin)["site"])
