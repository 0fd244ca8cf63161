"""What only the embedded store must do: own its files, survive its process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from qdrant_edge import EdgeShard, PayloadSchemaType

from etl.embedding.edge_store import EdgeStore
from etl.embedding.store import Point
from integrations.errors import Permanent, Transient

PROJECT = Path(__file__).parents[3]
VECTOR = [1.0, 0.0]
# Writes batch after batch and says so after each, until it is killed.
WRITER = """
import sys
from pathlib import Path
from uuid import uuid4
from etl.embedding.edge_store import EdgeStore
from etl.embedding.store import Point

store = EdgeStore(Path(sys.argv[1]))
store.ensure_collection("tenant_1", 2)
while True:
    store.upsert("tenant_1", [Point(str(uuid4()), [1.0, 0.0]) for _ in range(10)])
    print("10", flush=True)
"""


@contextmanager
def other_process(root: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WRITER, str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        try:
            yield process
        finally:
            process.kill()


def read_batches(process: subprocess.Popen[str], number: int) -> int:
    """Points that the writer said are written, after at least `number` batches."""
    assert process.stdout
    return sum(int(process.stdout.readline()) for _ in range(number))


def test_what_upsert_returned_survives_kill_9(tmp_path: Path, edge: EdgeStore) -> None:
    with other_process(tmp_path / "vectors") as process:
        said = read_batches(process, 5)
        os.kill(process.pid, signal.SIGKILL)
        said += sum(int(line) for line in process.stdout or [])

    assert edge.count("tenant_1") in (said, said + 10)
    assert len(edge.search("tenant_1", VECTOR, limit=said)) == said


def test_a_second_process_is_told_who_may_use_the_store(tmp_path: Path, edge: EdgeStore) -> None:
    with other_process(tmp_path / "vectors") as process:
        read_batches(process, 1)
        with pytest.raises(Transient, match=r"'tenant_1' in .*tenant_1 is in use by another process"):
            edge.count("tenant_1")


def test_closing_lets_another_owner_in(tmp_path: Path) -> None:
    first, second = EdgeStore(tmp_path), EdgeStore(tmp_path)
    first.ensure_collection("tenant_1", 2)
    first.upsert("tenant_1", [Point(str(uuid4()), VECTOR)])

    first.close()

    assert second.count("tenant_1") == 1
    second.close()


def test_the_payload_indexes_are_an_integer_and_a_keyword(edge: EdgeStore, tmp_path: Path) -> None:
    edge.ensure_collection("tenant_1", 2)
    edge.close()

    shard = EdgeShard.load(str(tmp_path / "vectors" / "tenant_1"))
    kinds = {name: index.data_type for name, index in shard.info().payload_schema.items()}
    shard.close()

    assert kinds == {"integration_id": PayloadSchemaType.Integer, "table_name": PayloadSchemaType.Keyword}


@pytest.mark.parametrize("name", ["..", ".hidden", "a/b", "a\\b", "Ünï ☃", "a%2Fb"])
def test_any_name_is_one_folder_below_the_root(edge: EdgeStore, tmp_path: Path, name: str) -> None:
    edge.ensure_collection(name, 2)

    assert edge.collections() == [name]
    assert [folder.parent for folder in (tmp_path / "vectors").iterdir()] == [tmp_path / "vectors"]
    assert [folder.name for folder in tmp_path.iterdir()] == ["vectors"]


def test_a_collection_half_built_by_a_killed_process_is_built_anew(edge: EdgeStore, tmp_path: Path) -> None:
    left = tmp_path / "vectors" / ".tenant_1" / "segments"
    left.mkdir(parents=True)
    (left / "half").write_text("written")

    assert edge.collections() == []
    edge.ensure_collection("tenant_1", 2)

    assert edge.collections() == ["tenant_1"]
    assert not left.exists()


def test_damaged_files_are_reported_with_their_path(edge: EdgeStore, tmp_path: Path) -> None:
    folder = tmp_path / "vectors" / "tenant_1"
    folder.mkdir(parents=True)
    (folder / "edge_config.json").write_text("{")

    with pytest.raises((Transient, Permanent), match=str(folder)):
        edge.ensure_collection("tenant_1", 2)
