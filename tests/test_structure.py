"""The rules of the house: which way imports go, and that a provider needs no entry in any list."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STAGES = ("etl.extraction", "etl.transform", "etl.embedding")
PROVIDERS = "integrations.providers"


def modules(folder: str) -> list[Path]:
    return [path for path in sorted((ROOT / folder).rglob("*.py")) if "migrations" not in path.parts]


def imported(path: Path) -> Iterator[str]:
    """Everything that a module imports, at its top or anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def offenders(folder: str, forbidden: tuple[str, ...]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(folder)
        for name in imported(path)
        if any(name == prefix or name.startswith(f"{prefix}.") for prefix in forbidden)
    ]


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("pulse/tenancy", ("etl", "integrations", "custommapping")),
        ("pulse/embedded", ("etl", "integrations", "custommapping", "pulse.tenancy")),
        ("pulse/postgres", ("etl", "integrations", "custommapping", "pulse.tenancy")),
        ("integrations", ("etl", "custommapping", "pika", "qdrant_client", "qdrant_edge")),
        ("custommapping", ("etl", "pika")),
    ],
)
def test_imports_go_one_way(folder: str, forbidden: tuple[str, ...]) -> None:
    assert offenders(folder, forbidden) == []


def test_only_the_queue_package_imports_pika() -> None:
    found = [line for folder in ("etl", "pulse") for line in offenders(folder, ("pika",))]

    assert [line for line in found if not line.startswith("etl/queue/")] == []
    assert found


def test_stages_do_not_know_each_other() -> None:
    found = [
        line
        for stage in STAGES
        for line in offenders(stage.replace(".", "/"), tuple(other for other in STAGES if other != stage))
    ]

    assert found == []


def test_no_module_outside_its_folder_names_a_provider() -> None:
    names = [
        folder.name for folder in (ROOT / "integrations" / "providers").iterdir() if (folder / "provider.py").exists()
    ]
    found = [
        line
        for folder in ("pulse", "etl", "custommapping", "integrations")
        for line in offenders(folder, tuple(f"{PROVIDERS}.{name}" for name in names))
        if not line.startswith("integrations/providers/")
    ]

    assert names
    assert found == []
