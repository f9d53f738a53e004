"""What a user can get wrong on the command line: a text that helps, exit code 2, and nothing written."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from smartaccounts.bundle import Bundle, Card, save
from smartaccounts.cli.app import run
from smartaccounts.config import Target
from smartaccounts.rankers.plain import PLAIN

START, DAYS = date(2020, 1, 1), 540
AS_OF = "2021-05-01"
TARGET: dict[str, Any] = {"horizon_days": 91, "min_active": 10}
COLUMNS = {"market": "market", "customer_id": "customer", "order_date": "date", "amount": "amount"}


class Came(NamedTuple):
    """What a command left: its exit code, what it said, and the files that are new."""

    code: int
    out: str
    err: str
    written: list[str]


Command = Callable[..., Came]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def there() -> set[str]:
        return {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")}

    def go(*arguments: object) -> Came:
        before = there()
        code = run([str(a) for a in arguments])
        said = capsys.readouterr()
        assert "Traceback" not in said.err + said.out
        return Came(code, said.out, said.err, sorted(there() - before))

    return go


def lines(customers: int = 30, *, market: str = "m", flat: bool = False) -> str:
    """Return order lines as CSV: each customer buys every two weeks, some by turns much more."""
    rows = ["market,customer,date,amount"]
    for c in range(customers):
        for week in range(0, DAYS // 7, 2):
            level = 50 if flat else 20 + 2 * c + (100 if (week // 13 + c) % 5 == 0 else 0)
            rows.append(f"{market},c{c:02d},{START + timedelta(days=7 * week + c % 7)},{level}")
    return "\n".join(rows) + "\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a pipeline file over sound order lines."""
    (tmp_path / "lines.csv").write_text(lines())
    return pipeline(tmp_path)


def pipeline(folder: Path, **change: Any) -> Path:
    content = {"name": "shop", "source": {"path": "lines.csv"}, "columns": COLUMNS, "target": TARGET} | change
    (folder / "shop.yaml").write_text(yaml.safe_dump(content))
    return folder / "shop.yaml"


def model(folder: Path, **change: Any) -> Path:
    """Save a plain ranking as the bundle of a model."""
    said: dict[str, Any] = {
        "pipeline": "shop", "ranker": "past_365", "as_of": "2021-01-01", "target": Target(**TARGET), "needs": (),
        "training_dates": (), "data_digest": "0-0", "verdict": "Not judged.", "better": None, "notes": (),
        "versions": {},
    }  # fmt: skip
    card = Card(**said | change)
    save(Bundle(PLAIN[card.ranker], card), folder / "model")
    return folder / "model"


def refused(came: Came, *said: str, hint: str = "") -> None:
    """Assert what every user's mistake has in common."""
    assert came.code == 2
    assert came.err.startswith("Error: Expected ")
    for text in said:
        assert text in came.err
    assert hint in came.err
    assert "Hint: " in came.err or not hint
    assert came.out == ""
    assert came.written == []


@pytest.mark.slow
def test_what_is_sound_is_taken(command: Command, shop: Path, tmp_path: Path) -> None:
    came = command("predict", shop, "--as-of", AS_OF, "--out", "out", "--model", model(tmp_path))
    assert came.code == 0
    assert came.err == ""
    assert came.written == [
        "out",
        *(f"out/growth_list.{kind}" for kind in ("csv", "html", "parquet", "xlsx")),
        "out/run.json",
    ]


# the pipeline file, as every command meets it


ON_A_PIPELINE = [
    ("check", "{}"),
    ("features", "{}", "--as-of", AS_OF, "--out", "snapshot.parquet"),
    ("backtest", "{}", "--as-of", AS_OF, "--out", "out"),
    ("train", "{}", "--as-of", AS_OF),
    ("tune", "{}", "--as-of", AS_OF),
    ("predict", "{}", "--as-of", AS_OF, "--out", "out"),
    ("compare", "{}"),
    ("compare", "{}", "--over-time", "--as-of", AS_OF, "--out", "out"),
    ("promote", "{}"),
    ("rollback", "{}"),
]


@pytest.mark.parametrize("words", ON_A_PIPELINE, ids=lambda w: w[0])
def test_a_pipeline_file_that_is_not_there_or_a_folder(
    command: Command, tmp_path: Path, words: tuple[str, ...]
) -> None:
    for path, got in ((tmp_path / "none.yaml", "nothing"), (tmp_path, "a folder")):
        came = command(*(w.format(path) for w in words))
        refused(came, f"Expected a pipeline file, got {got} in {path}.", hint="See pipelines/README.md")


@pytest.mark.parametrize("words", ON_A_PIPELINE, ids=lambda w: w[0])
@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("name: [", "Expected YAML, got a text that cannot be read", ""),
        ("- 1", "Expected YAML with the keys name, source and columns, got list in", "See pipelines/README.md"),
        ("nam: shop", "Expected a known key, got 'nam' in", "Did you mean 'name'?"),
    ],
)
def test_yaml_that_is_none_and_unknown_keys(
    command: Command, tmp_path: Path, words: tuple[str, ...], text: str, said: str, hint: str
) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(text)
    refused(command(*(w.format(path) for w in words)), said, str(path), hint=hint)


@pytest.mark.parametrize("words", [w for w in ON_A_PIPELINE if w != ("compare", "{}")], ids=lambda w: w[0])
def test_a_value_of_the_wrong_type(command: Command, tmp_path: Path, words: tuple[str, ...]) -> None:
    path = pipeline(tmp_path, target={"horizon_days": "long"})
    refused(command(*(w.format(path) for w in words)), "Expected a valid target.horizon_days, got 'long' in", str(path))


@pytest.mark.parametrize("words", [w for w in ON_A_PIPELINE if w[0] in ("backtest", "train")], ids=lambda w: w[0])
def test_a_lender_that_is_not_there_or_has_another_horizon(
    command: Command, tmp_path: Path, words: tuple[str, ...]
) -> None:
    path = pipeline(tmp_path, model={"borrow": ["other.yaml"]})
    came = command(*(w.format(path) for w in words))
    refused(came, f"got nothing in {tmp_path / 'other.yaml'}, which model.borrow of 'shop' names.")
    said = yaml.safe_load(path.read_text()) | {"name": "other", "target": {"horizon_days": 182}}
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(said))
    came = command(*(w.format(path) for w in words))
    refused(came, "91 days, got 182 days of 'other' (other.yaml) in model.borrow", hint="target.horizon_days")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("nonsense", "Expected KEY=VALUE, got 'nonsense' in --set."),
        ("target.horizon=91", "Did you mean 'horizon_days'?"),
        ("target.horizon_days=soon", "Expected a valid target.horizon_days, got 'soon' in"),
        ("growth_list.capacity=0", "Expected a valid growth_list.capacity, got 0 in"),
        ("model.tuned_before=soon", "Expected a valid model.tuned_before, got 'soon' in"),
    ],
)
def test_nonsense_in_set(command: Command, shop: Path, override: str, said: str) -> None:
    refused(command("predict", shop, "--as-of", AS_OF, "--out", "out", "--set", override), said)


# dates


@pytest.mark.parametrize("day", ["yesterday", "2021-02-30", "01.05.2021", "", "2021"])
@pytest.mark.parametrize("words", [w for w in ON_A_PIPELINE if "--as-of" in w], ids=lambda w: w[0])
def test_an_as_of_that_is_no_date(command: Command, shop: Path, words: tuple[str, ...], day: str) -> None:
    given = [day if w == AS_OF else w.format(shop) for w in words]
    refused(command(*given), f"Expected an as_of date as YYYY-MM-DD, got {day!r} in --as-of.", hint="Write for example")


@pytest.mark.parametrize("day", ["2019-06-01", "2020-01-01", "2020-02-01"])
@pytest.mark.parametrize("words", [w for w in ON_A_PIPELINE if "--as-of" in w and w[0] != "tune"], ids=lambda w: w[0])
def test_an_as_of_before_the_data_or_with_too_little_history(
    command: Command, shop: Path, tmp_path: Path, words: tuple[str, ...], day: str
) -> None:
    given = [day if w == AS_OF else w.format(shop) for w in words]
    if words[0] == "predict":
        given += ["--model", str(model(tmp_path, as_of="2019-01-01"))]
    refused(command(*given), "91 days of history", hint="The first possible as_of is 2020-04-01.")


@pytest.mark.slow
def test_rankers_cannot_be_followed_where_no_outcome_is_known(command: Command, shop: Path) -> None:
    came = command("compare", shop, "--over-time", "--as-of", AS_OF, "--out", "out")
    refused(came, "Expected a date whose horizon is over", hint="Name earlier dates with --as-of, or leave it out.")


@pytest.mark.parametrize("day", ["2019-06-01", "2020-02-01", "2020-12-29"])
def test_an_as_of_without_a_past_date_to_try_settings_on(command: Command, shop: Path, day: str) -> None:
    came = command("tune", shop, "--as-of", day)
    refused(
        came,
        f"two horizons of 91 days before it and with a training date before that, got {day}",
        hint="The first possible as_of is 2020-12-30.",
    )


def test_settings_cannot_be_tried_where_nobody_grows(command: Command, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text(lines(flat=True))
    came = command("tune", shop, "--as-of", AS_OF, "--trials", "1")
    refused(came, "Expected past dates to choose settings on, got none of use among", hint="Use a longer history")


def test_an_as_of_long_after_the_data(command: Command, shop: Path, tmp_path: Path) -> None:
    came = command("predict", shop, "--as-of", "2024-01-01", "--out", "out", "--model", model(tmp_path))
    refused(came, "Expected eligible customers", "got none at 2024-01-01", hint="an as_of that the data reach")


# the data


@pytest.mark.parametrize("words", ON_A_PIPELINE[:6], ids=lambda w: w[0])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "Expected a file of order lines, got none in"),
        ("", "Expected order lines, got an empty file in"),
        ("market,customer,date,amount\n", "got columns without a line in"),
        ("market,custmer,date,amount\nm,a,2020-01-01,1\n", "Did you mean 'custmer'?"),
    ],
)
def test_data_that_are_missing_empty_or_misspelt(
    command: Command, tmp_path: Path, words: tuple[str, ...], content: str | None, said: str
) -> None:
    path = pipeline(tmp_path)
    if content is not None:
        (tmp_path / "lines.csv").write_text(content)
    given = [w.format(path) for w in words]
    if words[0] == "predict":
        given += ["--model", str(model(tmp_path))]
    refused(command(*given), said, str(tmp_path / "lines.csv"))


@pytest.mark.slow
def test_one_customer(command: Command, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text(lines(1))
    for words in (("predict", "--model", model(tmp_path)), ("backtest",)):
        came = command(words[0], shop, "--as-of", AS_OF, "--out", "out", *words[1:])
        refused(
            came,
            "a market with 10 active customers or more), got none",
            "has 1 of them",
            hint="Lower target.min_active",
        )
    came = command("check", shop)
    assert (came.code, came.written) == (1, [])
    assert "All lines are of one customer: there is nobody to compare with." in came.out


def test_nobody_eligible(command: Command, shop: Path, tmp_path: Path) -> None:
    came = command(
        "predict", shop, "--as-of", AS_OF, "--out", "out", "--model",
        model(tmp_path, target=Target(**TARGET, small_spend=0.01)), "--set", "target.small_spend=0.01",
    )  # fmt: skip
    refused(
        came, "Expected eligible customers (small now, alive,", f"got none at {AS_OF}", hint="Lower target.min_active"
    )


@pytest.mark.slow
def test_a_market_that_is_too_small_is_kept_out_with_the_reason(command: Command, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text(lines() + "\n".join(lines(4, market="tiny").splitlines()[1:]))
    came = command("predict", shop, "--as-of", AS_OF, "--out", "out", "--model", model(tmp_path))
    assert came.code == 0
    reason = "Markets with fewer than 10 active customers are not on the list (1): 'tiny'."
    assert reason in " ".join(came.out.split())
    assert reason in json.loads((tmp_path / "out" / "run.json").read_text())["warnings"]
    assert "tiny" not in (tmp_path / "out" / "growth_list.csv").read_text()


@pytest.mark.slow
def test_a_source_that_ended_long_ago_is_warned_of(command: Command, shop: Path, tmp_path: Path) -> None:
    came = command(
        "predict", shop, "--as-of", "2021-10-01", "--out", "out", "--set", "target.horizon_days=182", "--model",
        model(tmp_path, target=Target(**TARGET | {"horizon_days": 182})),
    )  # fmt: skip
    assert came.code == 0
    assert "The last order line is of June 22, 2021, 101 days before the date of the list" in " ".join(came.out.split())


@pytest.mark.slow
def test_a_warning_tells_of_what_was_known_then(command: Command, shop: Path, tmp_path: Path) -> None:
    kept = [r for r in lines().splitlines() if not "2020-10-01" <= r.split(",")[2] < "2021-02-01"]
    (tmp_path / "lines.csv").write_text("\n".join(kept))
    bundle = model(tmp_path, target=Target(**TARGET | {"horizon_days": 182}))
    came = command(
        "predict", shop, "--as-of", "2021-02-01", "--out", "out", "--set", "target.horizon_days=182", "--model", bundle
    )  # fmt: skip
    assert came.code == 0
    assert "days before the date of the list" in " ".join(
        came.out.split()
    )  # lines after as_of do not hide that those before end early


# the model


def test_predict_before_any_training_names_the_command(command: Command, shop: Path) -> None:
    came = command("predict", shop, "--as-of", AS_OF, "--out", "out")
    refused(came, "Expected a trained model of 'shop'", hint="Run smartaccounts train PIPELINE --as-of D.")


@pytest.mark.parametrize("words", [("promote",), ("promote", "--model", "3"), ("rollback",), ("compare",)])
def test_commands_on_models_before_any_training(command: Command, shop: Path, words: tuple[str, ...]) -> None:
    refused(command(words[0], shop, *words[1:]), "of 'shop'", hint="Run smartaccounts train PIPELINE --as-of D.")


@pytest.mark.parametrize("ref", ["7", "latest", "0123456789abcdef0123456789abcdef"])
def test_a_model_that_is_not_known(command: Command, shop: Path, ref: str) -> None:
    came = command("predict", shop, "--as-of", AS_OF, "--out", "out", "--model", ref)
    refused(came, f"Expected a trained model of 'shop' as {ref!r}, got none in", hint="Run smartaccounts train")


def test_a_folder_that_is_no_bundle(command: Command, shop: Path, tmp_path: Path) -> None:
    for ref in (tmp_path, tmp_path / "none"):
        came = command("predict", shop, "--as-of", AS_OF, "--out", "out", "--model", ref)
        refused(came, f"Expected a model bundle with bundle.json, got none in {ref}.", hint="models/NAME")


def test_a_model_of_another_pipeline(command: Command, shop: Path, tmp_path: Path) -> None:
    other = model(tmp_path, pipeline="other")
    came = command("predict", shop, "--as-of", AS_OF, "--out", "out", "--model", other)
    refused(
        came, "Expected a model of the pipeline 'shop', got one of 'other' in past_365-2021-01-01-", hint="train one"
    )


@pytest.mark.slow
def test_a_model_of_other_features_of_the_pipeline_file(command: Command, shop: Path, tmp_path: Path) -> None:
    said = {"sql": "SUM(amount)", "unit": "money", "meaning": "all it spent"}
    own = pipeline(tmp_path, features={"extra": {"mine": said}})
    came = command("predict", own, "--as-of", AS_OF, "--out", "out", "--model", model(tmp_path))
    assert came.code == 0  # a plain ranking does not look at them


EXTRA_SLIPS = [
    ({"sql": "SUM(amont)"}, "got 'amont' in features.extra.mine.sql.", "Did you mean 'amount'?"),
    ({"sql": "SUM(amount) OVER ()"}, "got a window function in features.extra.mine.sql.", "no subquery, window"),
    ({"unit": "pounds"}, "Expected a valid features.extra.mine.unit, got 'pounds'", ""),
    ({"weeks": 3}, "Expected a known key, got 'features.extra.mine.weeks'", "Known keys: sql"),
]


@pytest.mark.parametrize(("slip", "said", "hint"), EXTRA_SLIPS, ids=["column", "window", "unit", "key"])
@pytest.mark.parametrize("words", ON_A_PIPELINE[:6], ids=lambda w: w[0])
def test_a_feature_of_the_pipeline_file_that_is_none(
    command: Command, tmp_path: Path, words: tuple[str, ...], slip: dict[str, Any], said: str, hint: str
) -> None:
    (tmp_path / "lines.csv").write_text(lines())
    feature = {"sql": "SUM(amount)", "unit": "money", "meaning": "all it spent"} | slip
    path = pipeline(tmp_path, features={"extra": {"mine": feature}})
    model(tmp_path)
    more = ("--model", str(tmp_path / "model")) if words[0] == "predict" else ()
    refused(command(*(w.format(path) for w in words), *more), said, hint=hint)


def test_a_feature_of_the_pipeline_file_with_a_name_that_is_taken(command: Command, tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text(lines())
    said = {"sql": "SUM(amount)", "unit": "money", "meaning": "all it spent"}
    for name in ("spend_91d", "growth_91d", "probability", "amount"):
        path = pipeline(tmp_path, features={"extra": {name: said}})
        refused(
            command("check", path),
            "Expected a name of its own, got that of a",
            f"features.extra.{name}",
            hint="--list",
        )


def test_a_model_for_another_target(command: Command, shop: Path, tmp_path: Path) -> None:
    came = command(
        "predict", shop, "--as-of", AS_OF, "--out", "out", "--model", model(tmp_path),
        "--set", "target.sustained_months=3",
    )  # fmt: skip
    refused(came, "got one for sustained_months 2 (pipeline: 3) in past_365-", hint="Train again")


def test_a_model_that_has_seen_the_future(command: Command, shop: Path, tmp_path: Path) -> None:
    later = model(tmp_path, as_of="2021-05-02")
    came = command("predict", shop, "--as-of", AS_OF, "--out", "out", "--model", later)
    refused(came, f"Expected a model trained for {AS_OF} or earlier, got one trained for 2021-05-02", hint="backtest")


def test_a_column_that_the_model_needs_and_the_data_lack(command: Command, shop: Path, tmp_path: Path) -> None:
    needy = model(tmp_path, needs=("cost", "order_date", "product_id"))
    came = command("predict", shop, "--as-of", AS_OF, "--out", "out", "--model", needy)
    refused(came, "got none for cost, product_id in", "lines.csv", hint="Map cost, product_id under columns, or train")


def _changed_byte(bundle: Path) -> None:
    card = bundle / "bundle.json"
    card.write_text(card.read_text().replace('"better": null', '"better": true'))


def _outside(bundle: Path) -> None:
    said = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps(said | {"files": {"../shop.yaml": "0" * 64}}))


def _missing(bundle: Path) -> None:
    said = json.loads((bundle / "bundle.json").read_text())
    (bundle / "bundle.json").write_text(json.dumps(said | {"files": {"plain.json": "0" * 64}}))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_changed_byte, "Expected the card that was saved"),
        (_missing, "Expected the file that was saved, got nothing in"),
        (_outside, "Expected files inside the bundle, got '../shop.yaml' in"),
    ],
)
def test_a_damaged_bundle(
    command: Command, shop: Path, tmp_path: Path, damage: Callable[[Path], None], said: str
) -> None:
    bundle = model(tmp_path)
    damage(bundle)
    came = command("predict", shop, "--as-of", AS_OF, "--out", "out", "--model", bundle)
    refused(came, said, str(bundle), hint="Train or export it again.")


# where to write


@pytest.mark.parametrize("words", [("predict",), ("backtest",), ("compare", "--over-time")])
@pytest.mark.parametrize("out", ["taken", "taken/deeper"])
def test_an_out_that_is_a_file(command: Command, shop: Path, tmp_path: Path, words: tuple[str, ...], out: str) -> None:
    (tmp_path / "taken").write_text("mine")
    more = ("--model", model(tmp_path)) if words == ("predict",) else ()
    came = command(*words, shop, "--as-of", AS_OF, "--out", out, *more)
    refused(came, "Expected a folder that can be written, got a file in", "taken.", hint="Choose another --out.")
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.parametrize("out", [".", "none/snapshot.parquet"])
def test_a_snapshot_needs_a_file_in_a_folder(command: Command, shop: Path, out: str) -> None:
    came = command("features", shop, "--as-of", AS_OF, "--out", out)
    refused(came, f"Expected a file in a folder that exists, got {out} in --out.", hint="Make the folder first.")


def test_a_demo_into_a_file(command: Command, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    refused(command("demo", "--out", "taken"), "Expected a folder that can be written, got", "taken.")


# the words of a command


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["predict", "{}"], "Missing option '--as-of'"),
        (["predict", "{}", "--as-of", AS_OF], "Missing option '--out'"),
        (["backtest", "{}", "--out", "out"], "Missing option '--as-of'"),
        (["train"], "Missing argument 'PIPELINE'"),
        (["tune", "{}"], "Missing option '--as-of'"),
        (["tune", "{}", "--as-of", AS_OF, "--trials", "0"], "Invalid value for '--trials'"),
        (["tune", "{}", "--as-of", AS_OF, "--trials", "many"], "Invalid value for '--trials'"),
        (["tune", "{}", "--as-of", AS_OF, "--minutes", "-1"], "Invalid value for '--minutes'"),
        (["train", "{}", "--as-off", AS_OF], "No such option: --as-off"),
        (["trian", "{}"], "No such command 'trian'"),
        (["features", "{}"], "Expected PIPELINE, --as-of and --out (or --list), got less."),
        (["simulate", "--out", "x.parquet", "--customers", "many"], "Invalid value for '--customers'"),
        (["check", "{}", "too", "many"], "unexpected extra argument"),
        (["compare", "{}", "--over-time"], "Expected --out DIR with --over-time, got none: the report is a page."),
        (["compare", "{}", "--as-of", AS_OF], "Expected --over-time with --as-of, got --as-of alone."),
    ],
)
def test_usage_errors(command: Command, shop: Path, words: list[str], said: str) -> None:
    came = command(*(w.format(shop) for w in words))
    assert came.code == 2
    assert said in came.err
    assert "Usage: smartaccounts" in came.err
    assert came.written == []


@pytest.mark.parametrize("threads", ["two", "0", "-1", "1.5"])
def test_a_number_of_threads_that_is_none(
    command: Command, shop: Path, tmp_path: Path, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMARTACCOUNTS_THREADS", threads)
    came = command("predict", shop, "--as-of", AS_OF, "--out", "out", "--model", model(tmp_path))
    refused(came, f"Expected a number of threads, got {threads!r} in SMARTACCOUNTS_THREADS.", hint="unset it")
