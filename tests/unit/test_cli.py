"""The command line itself: exit codes, what goes where, tables and steps."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import NoReturn

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer

from smartaccounts.cli import app as application
from smartaccounts.cli.app import run
from smartaccounts.cli.models import _shown
from smartaccounts.cli.terminal import dates, print_json, progress, table
from smartaccounts.errors import HistoryError, InputError
from smartaccounts.evaluation.intervals import Interval
from smartaccounts.features.snapshot import CATALOGUE

Captured = pytest.CaptureFixture[str]
COMMANDS = (
    "demo",
    "predict",
    "backtest",
    "train",
    "tune",
    "compare",
    "promote",
    "rollback",
    "check",
    "features",
    "simulate",
    "ledger",
)


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_names_every_command(word: str, capsys: Captured) -> None:
    assert run([word]) == 0
    said = capsys.readouterr().out
    assert all(f" {c} " in said for c in COMMANDS)


def test_no_words_show_the_help_as_wrong_use(capsys: Captured) -> None:
    assert run([]) == 2
    assert "Usage: smartaccounts" in "".join(capsys.readouterr())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help(command: str, capsys: Captured) -> None:
    assert run([command, "--help"]) == 0
    assert f"Usage: smartaccounts {command}" in capsys.readouterr().out


def _raiser(error: BaseException) -> Callable[..., NoReturn]:
    def stop(*_: object, **__: object) -> NoReturn:
        raise error

    return stop


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (HistoryError("Expected more, got less.", hint="Wait."), 2, "Error: Expected more, got less.\nHint: Wait.\n"),
        (
            OSError(28, "No space left", "/out/x"),
            2,
            "Error: Expected to read and write files, got No space left in /out/x.\n",
        ),
        (KeyboardInterrupt(), 130, "Interrupted: nothing half written was left.\n"),
        (typer.Abort(), 130, "Interrupted: nothing half written was left.\n"),
        (typer.Exit(1), 1, ""),
        (typer.Exit(0), 0, ""),
    ],
)
def test_errors_become_codes_and_texts(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr("smartaccounts.cli.data.opened", _raiser(error))
    assert run(["check", "any.yaml"]) == code
    assert capsys.readouterr() == ("", said)


def test_a_fault_of_the_program_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smartaccounts.cli.data.opened", _raiser(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        run(["check", "any.yaml"])


@pytest.mark.usefixtures("heard")
def test_main_exits_with_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["smartaccounts", "nonsense"])
    with pytest.raises(SystemExit) as stop:
        application.main()
    assert stop.value.code == 2


def test_dates_are_sorted_and_each_once() -> None:
    assert dates(["2021-05-01", "2021-01-01", "2021-05-01"]) == [date(2021, 1, 1), date(2021, 5, 1)]


def test_a_table_shows_cells_as_they_are(capsys: Captured) -> None:
    table("A title", ["customer", "n"], [["[red]Ömer[/red]", "1"], ["[/]", "20"]], right=("n",))
    said = capsys.readouterr().out
    assert "A title" in said
    assert "[red]Ömer[/red]   1" in said
    assert "[/]              20" in said


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        (Interval(0.1234, 0.05, 0.2), "0.123\n0.05-0.20"),
        (Interval(2.345, 1.0, 4.0), "2.35\n1.00-4.00"),
        (Interval(23.45, 10.0, 40.0), "23.4\n10.0-40.0"),
        (Interval(float("nan"), float("nan"), float("nan")), "-"),
        (Interval(0.5, float("nan"), float("nan")), "0.500"),
    ],
)
def test_an_interval_fits_its_column(interval: Interval, said: str) -> None:
    assert _shown(interval) == said


def test_steps_are_told_to_stderr_when_asked_for(capsys: Captured) -> None:
    for verbose in (False, True):
        with progress("Work", verbose=verbose) as step:
            step("half done")
        out, err = capsys.readouterr()
        assert out == ""
        assert ("Work: half done" in err) == verbose


def test_json_goes_to_stdout(capsys: Captured) -> None:
    print_json({"day": date(2021, 1, 1), "n": [1]})
    assert json.loads(capsys.readouterr().out) == {"day": "2021-01-01", "n": [1]}


def test_the_data_dictionary_is_printed(capsys: Captured) -> None:
    assert run(["features", "--list", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert list(said) == list(CATALOGUE)
    assert set(said["spend_91d"]) == {"family", "unit", "meaning", "needs"}
    assert run(["features", "--list"]) == 0
    out = capsys.readouterr().out
    assert all(name[:20] in out for name in CATALOGUE)


def test_simulate_check_and_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["simulate", "--out", "orders.parquet", "--customers", "150", "--years", "1.5", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["line_count"] == pq.read_metadata("orders.parquet").num_rows
    assert (said["customers"], said["truth"]) == (150, "orders_truth.parquet")

    Path("shop.yaml").write_text(
        "name: shop\nsource: {path: orders.parquet}\ntarget: {min_active: 20, horizon_days: 91}\n"
        "columns: {customer_id: customer_id, order_date: order_date, known_date: known_date, amount: amount}\n"
    )
    assert run(["check", "shop.yaml", "--json", "--rejected", "rejected.parquet"]) == 0
    quality = json.loads(capsys.readouterr().out)
    intake = quality["intake"]
    assert quality["sound"] is True
    assert intake["rows_in"] == said["line_count"]
    assert intake["rows_in"] - intake["rows_out"] == pq.read_metadata("rejected.parquet").num_rows > 0

    asked = ["features", "shop.yaml", "--as-of", "2022-01-01", "--as-of", "2022-03-01", "--out", "snapshot.parquet"]
    assert run([*asked, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["rows"] == pq.read_metadata("snapshot.parquet").num_rows
    assert (made["as_of"], made["features"]) == (["2022-01-01", "2022-03-01"], len(CATALOGUE))
    assert "products_365d" in made["absent"]
    written = pq.read_table("snapshot.parquet")
    assert run([*asked[:-1], "double.parquet", "--float64"]) == 0
    double = pq.read_table("double.parquet")
    assert double.schema.field("recency_days").type == double.schema.field("spend_365d").type == pa.float64()
    assert written.schema.field("recency_days").type == pa.float32()
    assert written.schema.field("spend_365d").type == written.schema.field("key_spend").type == pa.float64()
    assert written["overdue"].null_count == double["overdue"].null_count > 0
    assert written["spend_365d"] == double["spend_365d"]
    capsys.readouterr()
    Path("double.parquet").unlink()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "orders.parquet", "orders_customers.csv", "orders_truth.parquet", "rejected.parquet", "shop.yaml",
        "snapshot.parquet",
    ]  # fmt: skip
    assert run(asked) == 0
    assert "Null, since the source lacks their columns: " in capsys.readouterr().out


def test_an_as_of_without_enough_history_is_named_beside_those_that_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("l.csv").write_text("c,d,a\n" + "".join(f"k{i},2020-{m:02d}-05,9\n" for i in range(3) for m in range(1, 13)))
    Path("shop.yaml").write_text(
        "name: shop\nsource: {path: l.csv}\ntarget: {horizon_days: 91}\n"
        "columns: {customer_id: c, order_date: d, amount: a}\n"
    )
    asked = ["features", "shop.yaml", "--as-of", "2020-02-01", "--as-of", "2020-12-01", "--out", "s.parquet"]
    assert run(asked) == 0
    out = capsys.readouterr().out
    assert "3 rows" in out
    assert "Without rows, for want of 91 days of history: 2020-02-01." in out
    assert run([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["as_of"] == ["2020-12-01"]


@pytest.mark.usefixtures("remembered")
@pytest.mark.parametrize("made", [ImportError("initialization failed"), InputError("no table"), OSError("cut off")])
def test_what_a_library_makes_of_a_ctrl_c_is_an_interruption(
    made: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        raise made

    monkeypatch.setattr("smartaccounts.cli.app.app", interrupted)
    assert run(["--help"]) == 130
    assert capsys.readouterr() == ("", "Interrupted: nothing half written was left.\n")


def test_a_fault_without_a_ctrl_c_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smartaccounts.cli.app.app", lambda *_, **__: {}["absent"])
    with pytest.raises(KeyError):
        run(["--help"])
