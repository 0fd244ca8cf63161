"""What the helpers for a private RabbitMQ do without starting one."""

from pathlib import Path

import pytest

from tests.services import rabbitmq, rabbitmq_docker, rabbitmq_node
from tests.services.rabbitmq_management import management_url_of, with_vhost
from tests.services.supervised import Supervised
from tests.services.waiting import amqp_answers, wait_until


def test_where_nothing_can_be_started_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RABBITMQ_URL", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(rabbitmq_node, "BIN", Path("nowhere"))
    monkeypatch.setattr(rabbitmq_docker, "available", lambda: False)
    with pytest.raises(RuntimeError, match="apt-get install rabbitmq-server") as error:
        rabbitmq.ensure_rabbitmq()
    assert "\n" not in str(error.value)


def test_the_management_url_has_the_same_user_and_host() -> None:
    assert management_url_of("amqp://etl_user:p%40ss@rabbit:5672/pulse_etl") == "http://etl_user:p%40ss@rabbit:15672"
    assert with_vhost("amqp://u:p@h:1/v", "a/b") == "amqp://u:p@h:1/a%2Fb"


def test_free_ports_differ_and_nobody_answers_there() -> None:
    ports = rabbitmq_node.free_ports()
    assert len({ports.amqp, ports.management, ports.distribution, ports.epmd}) == 4
    assert not amqp_answers(ports.amqp)


def test_stopping_kills_what_was_started_and_cleans_up(tmp_path: Path) -> None:
    alive, clean = tmp_path / "alive", tmp_path / "clean"
    service = Supervised(f"trap '' TERM INT; echo $$ > {alive}; sleep 1000", f"touch {clean}", {}, tmp_path / "log")
    assert wait_until(lambda: alive.exists() and bool(alive.read_text()))
    service.stop()
    assert clean.exists()
    assert wait_until(lambda: not _runs(int(alive.read_text())))


def _runs(process: int) -> bool:
    """Whether it does work still; a dead one that nobody waited for does not."""
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"
