"""Which module may import which: arrows point downward only, and two libraries have one door each."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
PACKAGE = "smartaccounts"
# the lowest first; a module may import its own layer and those below it
LAYERS = (
    ("errors", "html"),
    ("engine", "config", "timeline"),
    ("orders",),
    ("features", "target"),
    ("panel",),
    ("rankers",),
    ("evaluation",),
    ("growth_list", "bundle"),
    ("outputs", "tracking"),
    ("workflow", "review"),
    ("cli",),
)
ONE_DOOR = {"duckdb": "engine", "mlflow": "tracking", "psycopg": "outputs", "pyspark": "engine", "numba": "engine"}
HEAVY = (
    "pandas",
    "numpy",
    "scipy",
    "duckdb",
    "lightgbm",
    "numba",
    "mlflow",
    "sklearn",
    "matplotlib",
    "pyarrow",
    "joblib",
    "yaml",
)
LINES = 400
NO_NAMES = {"utils", "helpers", "common", "manager"}

MODULES = sorted(SRC.rglob("*.py"))


def layer(part: str) -> int:
    return next(i for i, parts in enumerate(LAYERS) if part in parts)


def part_of(module: str) -> str:
    """Return the part of the package that a dotted name lies in; '' for the package itself."""
    return module.split(".")[1] if "." in module else ""


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of every import of a file, inside functions and `if TYPE_CHECKING` too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            assert node.module
            yield node.lineno, node.module
            if node.module == PACKAGE:
                yield from ((node.lineno, f"{PACKAGE}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from (
                (node.lineno, a.value) for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)
            )


def named(path: Path) -> str:
    """Return the dotted name of a module's file."""
    return ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")


def test_there_is_something_to_read() -> None:
    assert len(MODULES) > 60
    arrows = {(part_of(named(p)), part_of(n)) for p in MODULES for _, n in imported(p) if n.startswith(PACKAGE + ".")}
    assert {("cli", "workflow"), ("workflow", "tracking"), ("engine", "errors")} <= arrows


def test_every_part_has_its_layer() -> None:
    parts = {part_of(named(p)) for p in MODULES} - {""}
    assert parts <= {part for parts in LAYERS for part in parts}


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_arrows_point_downward(path: Path) -> None:
    own = part_of(named(path))
    if not own:
        return  # the public face names modules of all layers, and imports them when they are used
    upward = [
        f"{path}:{line} imports {name}"
        for line, name in imported(path)
        if name.startswith(PACKAGE + ".") and layer(part_of(name)) > layer(own)
    ]
    assert not upward


def test_outputs_and_tracking_do_not_know_each_other() -> None:
    for path in MODULES:
        own = part_of(named(path))
        if own in ("outputs", "tracking"):
            others = {part_of(n) for _, n in imported(path)} & {"outputs", "tracking"}
            assert others <= {own}, path


@pytest.mark.parametrize("library", ONE_DOOR)
def test_a_library_has_one_door(library: str) -> None:
    users = {part_of(named(p)) for p in MODULES if library in {n.split(".")[0] for _, n in imported(p)}}
    assert users <= {ONE_DOOR[library]}


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_modules_are_short_and_have_a_name_that_says_something(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES
    assert not NO_NAMES & {path.stem, *path.parent.parts[-2:]}


def loaded(statement: str) -> set[str]:
    """Return which heavy libraries a statement loads into a fresh Python."""
    said = f"import sys; {statement}; print('loaded:', *({{m.split('.')[0] for m in sys.modules}} & set({HEAVY!r})))"
    out = subprocess.run([sys.executable, "-c", said], check=True, capture_output=True, text=True).stdout
    return set(out.splitlines()[-1].split()[1:])


def test_help_loads_nothing_heavy() -> None:
    assert loaded("from smartaccounts.cli.app import run; run(['predict', '--help'])") == set()


def test_the_public_face_loads_nothing_until_a_name_is_used() -> None:
    assert loaded("import smartaccounts; smartaccounts.__all__") == set()
    assert "yaml" in loaded("import smartaccounts; smartaccounts.read_pipeline")


def test_every_name_of_the_public_face_is_there() -> None:
    import smartaccounts  # noqa: PLC0415 - what it costs is tested above

    assert 8 <= len(smartaccounts.__all__) <= 12
    for name in smartaccounts.__all__:
        assert getattr(smartaccounts, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = smartaccounts.nothing
