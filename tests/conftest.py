"""What tests of every folder share: one thread, order lines made from a few rows, the real histories where they are."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from filelock import FileLock
from hypothesis import settings as hypothesis_settings
from tests.postgres import Server, binaries, started

os.environ["SMARTACCOUNTS_THREADS"] = "1"  # before anything opens an engine: the runs beside us want their core

from smartaccounts.engine import interrupt
from smartaccounts.engine.duckdb import Engine
from smartaccounts.orders.contract import COLUMNS, Intake, OrderLines
from smartaccounts.timeline import day_number, from_day_number
from smartaccounts.tracking.store import reached, store_at

hypothesis_settings.register_profile("busy machines", deadline=None)
hypothesis_settings.load_profile("busy machines")

REAL = {"online_retail": "online_retail_ii.parquet", "iowa_suppliers": "iowa_suppliers.parquet"}
QUIET = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
)  # fmt: skip
"""How Chromium is started: it asks for nothing by itself."""

_HELD = tuple(column.held_as for column in COLUMNS)
_DTYPES = {"string": "str", "day": "int32", "double": "float64"}

MakeLines = Callable[..., OrderLines]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take Ctrl-C as Python does, also where whoever started the tests has it ignored (a job in the background)."""
    monkeypatch.setattr(interrupt, "_heard", interrupt._Heard())
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def remembered(heard: None) -> None:
    """Take it as commands do."""
    interrupt.remember()


def lines_of(
    engine: Engine,
    rows: Iterable[Mapping[str, Any]],
    *,
    table: str = "rows",
    provided: Iterable[str] | None = None,
) -> OrderLines:
    """Load rows as order lines, one dict per line.

    `day` and `known_day` are dates, ISO texts or day numbers; what a row lacks is null, or what the contract puts in
    its place. `provided` are the contract columns that the source is said to have (default: every one).
    """
    full = [_full(row) for row in rows]
    columns = {c.held_as: pd.Series([r[c.held_as] for r in full], dtype=_DTYPES[c.kind]) for c in COLUMNS}
    frame = pd.DataFrame(columns)
    engine.load(table, frame)
    days = [r["day"] for r in full]
    have = frozenset(c.name for c in COLUMNS) if provided is None else frozenset(provided)
    return OrderLines(engine, table, have, min(days), max(days), Intake(len(full), len(full), ()))


def _full(row: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(row).difference(_HELD)
    if unknown:
        raise KeyError(f"no such column of order lines: {unknown}")
    day = _day(row["day"])
    known = row.get("known_day")
    stand_ins = {"market": "", "order_id": str(from_day_number(day))}
    filled = {name: row.get(name, stand_ins.get(name)) for name in _HELD}
    return filled | {"day": day, "known_day": day if known is None else _day(known)}


def _day(value: date | str | int) -> int:
    if isinstance(value, int):
        return value
    return day_number(date.fromisoformat(value) if isinstance(value, str) else value)


@pytest.fixture(scope="session")
def order_lines() -> Iterator[MakeLines]:
    """Make order lines from rows, as `lines_of` does.

    All share one engine: what one snapshot leaves there must not reach the next.
    """
    tables = count()
    with Engine() as engine:
        yield lambda rows, **more: lines_of(engine, rows, table=f"rows_{next(tables)}", **more)


def real_history(name: str) -> Path:
    """Return the file of a real history; skip the test, by name, where it is not there."""
    folder = Path(os.environ.get("SMARTACCOUNTS_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (folder / REAL[name]).is_file():
        pytest.skip(f"{REAL[name]} is not in {folder} (SMARTACCOUNTS_DATA)")
    return folder / REAL[name]


@pytest.fixture(scope="session", params=sorted(REAL))
def real_name(request: pytest.FixtureRequest) -> str:
    """Run the test once for each real history that is there; the fixture is its pipeline's name."""
    real_history(request.param)
    return str(request.param)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the database of an empty store, whose creation takes 6 to 14 seconds: once for all processes of a run."""
    several = "PYTEST_XDIST_WORKER" in os.environ
    root = (tmp_path_factory.getbasetemp().parent if several else tmp_path_factory.getbasetemp()) / "template"
    store = store_at(root)
    assert store.database is not None
    with FileLock(f"{root}.lock"), pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        if not store.database.exists():
            root.mkdir()
            with reached(store_at(root)):
                pass
    return store.database


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """Start a real PostgreSQL; skip the test, by name, where none is installed."""
    folder = binaries()
    if folder is None:
        pytest.skip("PostgreSQL (initdb, pg_ctl) is not installed")
    with started(folder) as server:
        yield server


def program(*names: str) -> Path:
    """Return the first of some programs that is installed; skip the test, by name, where none is."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"{names[0]} is not installed")
    return Path(found)


@pytest.fixture(scope="session")
def libreoffice(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    """Convert a file with LibreOffice: `libreoffice(file, "pdf", folder)`; its settings are its own."""
    command, settings = program("soffice", "libreoffice"), tmp_path_factory.mktemp("office")

    def convert(file: Path, to: str, folder: Path) -> None:
        own = f"-env:UserInstallation={settings.as_uri()}"
        words = [str(command), own, "--headless", "--convert-to", to, "--outdir", str(folder), str(file)]
        subprocess.run(words, check=True, capture_output=True, timeout=180)

    return convert


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A Chromium that is driven by the tests; it fetches nothing of its own."""
    command = program("chromium", "chromium-browser", "google-chrome")
    with pytest.importorskip("playwright.sync_api").sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(command), args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A session of Spark on two workers with processes of their own; what opens a session takes this one."""
    program("java")
    pytest.importorskip("pyspark", reason="pyspark is not installed")
    engine = importlib.import_module("smartaccounts.engine.spark")
    os.environ["SPARK_WORKER_DIR"] = str(tmp_path_factory.mktemp("workers"))
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        "spark.sql.shuffle.partitions": "3",
        "spark.executorEnv.PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
    }
    with engine.opened(master="local-cluster[2,1,1024]", settings=settings) as spark:
        yield spark


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Trace no test of whole paths or real histories, but for what its fixtures do: it takes a fifth longer."""
    for item in items:
        if "e2e" in item.path.relative_to(item.config.rootpath).parts or item.get_closest_marker("real"):
            item.add_marker("no_cover")


def _skipped(config: pytest.Config) -> list[pytest.TestReport]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return [] if reporter is None else list(reporter.stats.get("skipped", []))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With CI set, a test that was skipped is a failure: there everything must be there."""
    if os.environ.get("CI") and not hasattr(session.config, "workerinput") and _skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Count and name what was skipped."""
    skipped = _skipped(config)
    if skipped:
        verdict = "a failure, since CI is set" if os.environ.get("CI") else "these need what this machine lacks"
        terminalreporter.section(f"{len(skipped)} tests skipped: {verdict}")
        for report in skipped:
            terminalreporter.line(f"  {report.nodeid}")
