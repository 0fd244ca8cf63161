"""The rules of the house: which way imports go, and that a provider needs no entry in any list."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STAGES = ("etl.extraction", "etl.transform", "etl.embedding")
PROVIDERS = "integrations.providers"
# What is in `etl`, from below to above. Those of the kernel know each other; elsewhere neighbours do not.
KERNEL = {"models", "jobs", "history", "letters", "extraction", "transform", "load", "mapping", "embedding", "live"}
LAYERS: tuple[set[str], ...] = (
    {"sql", "queue"},
    KERNEL,
    {"apps", "pipeline", "schedule", "verification", "alerts", "metrics", "erasing"},
    {"workers"},
    {"doctor", "demo"},
    {"admin", "api", "management"},
)


def modules(folder: str) -> list[Path]:
    return [path for path in sorted((ROOT / folder).rglob("*.py")) if "migrations" not in path.parts]


def imported(path: Path) -> Iterator[str]:
    """Everything that a module imports, at its top or anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def graph() -> dict[str, set[str]]:
    """Each module of `etl`, by its name, with those of them that it imports."""
    paths = {_name(path): path for path in modules("etl")}
    return {name: {_module(one, paths) for one in imported(path)} - {name, ""} for name, path in paths.items()}


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _module(name: str, known: dict[str, Path]) -> str:
    """The module that an imported name is, or is in; empty where it is none of `etl`."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name


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


def test_no_modules_of_etl_import_each_other_in_a_ring() -> None:
    assert len(list(TopologicalSorter(graph()).static_order())) == len(graph())


def test_every_part_of_etl_has_its_layer() -> None:
    parts = {name.split(".")[1] for name in graph() if name != "etl"}

    assert sorted(parts) == sorted(part for layer in LAYERS for part in layer)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: "-".join(sorted(layer)))
def test_imports_in_etl_go_down(layer: set[str]) -> None:
    above = set().union(*LAYERS[LAYERS.index(layer) + 1 :])

    for part in layer:
        forbidden = above if layer is KERNEL else above | layer - {part}
        names = [name for name in graph() if name.split(".")[:2] == ["etl", part]]
        found = [
            f"{name} imports {one}"
            for name in names
            for one in sorted(graph()[name])
            if one != "etl" and one.split(".")[1] in forbidden
        ]
        assert found == []


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
