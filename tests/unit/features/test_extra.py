"""Features of the pipeline file: their values, counted again in plain Python, and what becomes of odd ones."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from tests.conftest import MakeLines
from tests.oracle.histories import CENTS, HUGE, Row, as_ofs, random_history

from smartaccounts.config import Pipeline, Target, pipeline_from
from smartaccounts.errors import PipelineError
from smartaccounts.features.dictionary import as_markdown
from smartaccounts.features.extra import SEEN, Extra, declared, extra_features
from smartaccounts.features.snapshot import CATALOGUE, STANDING, snapshot, snapshot_tables
from smartaccounts.growth_list.figures import with_figures
from smartaccounts.panel import panel
from smartaccounts.target import outcome
from smartaccounts.workflow.extra import SAID, TAKEN, checked_extra

TARGET = Target(min_active=4, horizon_days=91, sustained_months=1)
WEEKEND = "SUM(CASE WHEN weekday >= 5 THEN amount ELSE 0 END) / NULLIF(SUM(amount), 0)"


def asked(**features: str | dict[str, Any]) -> Pipeline:
    said = {n: {"unit": "ratio", "meaning": n} | ({"sql": f} if isinstance(f, str) else f) for n, f in features.items()}
    return pipeline_from(
        {
            "name": "test",
            "source": {"path": "-"},
            "columns": {"customer_id": "c", "order_date": "d", "amount": "a"},
            "features": {"extra": said},
        },
        folder=Path(),
    )


def extra(**features: str | dict[str, Any]) -> tuple[Extra, ...]:
    return extra_features(asked(**features))


def values(lines: Any, as_of: str, own: Sequence[Extra]) -> pd.DataFrame:
    frame = snapshot(lines, [date.fromisoformat(as_of)], Target(min_active=2), extra=own).frame
    return frame.set_index("customer_id")[[e.name for e in own]]


def _sum(some: list[float]) -> float | None:
    return round(sum(some), 6) if some else None


ORACLE: dict[str, tuple[dict[str, Any], Callable[[list[Row], date], float | None]]] = {
    "bought": ({"sql": "SUM(amount)"}, lambda rows, _: _sum([r["amount"] for r in rows])),
    "weekend": (
        {"sql": "SUM(CASE WHEN weekday >= 5 THEN amount END)", "within_days": 365},
        lambda rows, _: _sum([r["amount"] for r in rows if r["day"].weekday() >= 5]),
    ),
    "orders": (
        {"sql": "COUNT(DISTINCT order_id)", "within_days": 30},
        lambda rows, _: len({r["order_id"] for r in rows}),
    ),
    "november": (
        {"sql": "COUNT(CASE WHEN month = 11 THEN 1 END)"},
        lambda rows, _: sum(r["day"].month == 11 for r in rows),
    ),
    "last_day": (
        {"sql": "as_of - MAX(day)", "within_days": 365},
        lambda rows, as_of: min((as_of - r["day"]).days for r in rows),
    ),
    "oldest": ({"sql": "MAX(age)"}, lambda rows, as_of: max((as_of - r["day"]).days for r in rows)),
    "late": ({"sql": "MAX(known_day - day)"}, lambda rows, _: max((r["known_day"] - r["day"]).days for r in rows)),
    "spread": (
        {"sql": "STDDEV_SAMP(amount)", "within_days": 200},
        lambda rows, _: statistics.stdev([r["amount"] for r in rows]) if len(rows) > 1 else None,
    ),
    "middle": ({"sql": "MEDIAN(amount)"}, lambda rows, _: statistics.median([r["amount"] for r in rows])),
}


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in range(1, 4))])
def test_values_are_those_of_plain_python(order_lines: MakeLines, seed: int) -> None:
    rows, dates = random_history(seed, CENTS), as_ofs(seed)
    own = extra(**{name: said for name, (said, _) in ORACLE.items()})
    frame = snapshot(order_lines(rows), dates, TARGET, extra=own).frame
    compared = 0
    for row in frame.to_dict("records"):
        as_of = row["as_of"].date()
        known = [
            r
            for r in rows
            if (r["market"], r["customer_id"]) == (row["market"], row["customer_id"])
            and r["known_day"] < as_of
            and r["day"] < as_of
        ]
        for name, (said, of) in ORACLE.items():
            days = said.get("within_days", 10**6)
            seen = [r for r in known if r["day"] >= as_of - timedelta(days=min(days, 10**5))]
            expected = of(seen, as_of) if seen else None
            got = row[name]
            assert np.isnan(got) if expected is None else got == pytest.approx(expected, rel=1e-9, abs=1e-6), name
            compared += expected is not None
    assert compared > 50


def test_they_stand_behind_the_catalogue_in_the_order_of_the_file(order_lines: MakeLines) -> None:
    own = extra(zebra="SUM(amount)", apple={"sql": "COUNT(*)", "within_days": 30}, middle="MAX(amount)")
    lines = order_lines(random_history(1, CENTS))
    dates = as_ofs(1)
    with_them, without = snapshot(lines, dates, TARGET, extra=own), snapshot(lines, dates, TARGET)
    assert list(with_them.frame)[-3:] == ["zebra", "apple", "middle"]
    pd.testing.assert_frame_equal(with_them.frame.iloc[:, :-3], without.frame, check_exact=True)
    assert (with_them.frame[["zebra", "apple", "middle"]].dtypes == "float64").all()
    assert with_them.at(dates[-1:]).extra == with_them.eligible().extra == with_them.extra == own
    early = snapshot(lines, [date(2019, 1, 6)], TARGET, extra=own).frame
    assert len(early) == 0
    assert list(early) == list(with_them.frame)


@pytest.mark.slow
def test_a_sum_is_the_spend_of_the_catalogue_where_the_sweep_gives_way_to_the_sql_too(order_lines: MakeLines) -> None:
    own = extra(own={"sql": "SUM(amount)", "within_days": 365})
    for money in (CENTS, HUGE):
        frame = snapshot(order_lines(random_history(3, money)), as_ofs(3), TARGET, extra=own).frame
        assert frame["own"].notna().any()
        known = frame["own"].notna()
        np.testing.assert_allclose(frame["own"][known], frame["spend_365d"][known], rtol=1e-12, atol=1e-6)
        assert (frame["spend_365d"][~known] == 0).all()


OLD = {"customer_id": "old", "day": "2019-01-01", "amount": 1.0}


def test_weekdays_months_and_the_window_s_ends(order_lines: MakeLines) -> None:
    days = ("2020-06-05", "2020-06-06", "2020-06-07", "2020-06-08")  # Friday to Monday
    rows = [{"customer_id": "a", "day": d, "amount": 10.0**i} for i, d in enumerate(days)]
    own = extra(
        weekend="SUM(CASE WHEN weekday >= 5 THEN amount ELSE 0 END)",
        monday="SUM(CASE WHEN weekday = 0 THEN amount ELSE 0 END)",
        june="SUM(CASE WHEN month = 6 THEN amount ELSE 0 END)",
        two_days={"sql": "SUM(amount)", "within_days": 2},
        yesterday={"sql": "SUM(CASE WHEN age = 1 THEN amount ELSE 0 END)"},
        tomorrow={"sql": "SUM(amount)", "within_days": 1},
    )
    found = values(order_lines([OLD, *rows]), "2020-06-08", own)
    assert found.loc["a"].tolist() == [110.0, 0.0, 111.0, 110.0, 100.0, 100.0]
    assert found.loc["old", ["weekend", "june"]].tolist() == [0.0, 0.0]
    assert found.loc["old", ["two_days", "tomorrow"]].isna().all()


def test_days_before_1970_have_their_weekday(order_lines: MakeLines) -> None:
    rows = [{"customer_id": "a", "day": d, "amount": 1.0} for d in ("1969-12-27", "1969-12-28", "1969-12-29")]
    own = extra(weekend="SUM(CASE WHEN weekday >= 5 THEN amount ELSE 0 END)")
    assert values(order_lines([OLD | {"day": "1968-01-01"}, *rows]), "1970-01-01", own).loc["a", "weekend"] == 2


@pytest.mark.parametrize(
    "sql",
    ["SUM(amount) / 0", "SUM(amount - 5) / SUM(amount - 5)", "MAX(EXP(800.0 * amount))", "SUM(1 / (amount - 5))",
     "MAX(amount) * 1e38", "MAX('nan'::DOUBLE)"],
)  # fmt: skip
def test_what_is_no_finite_number_is_null(order_lines: MakeLines, sql: str) -> None:
    rows = [OLD, {"customer_id": "a", "day": "2020-06-05", "amount": 5.0}]
    lines = order_lines(rows)
    assert values(lines, "2020-06-08", extra(x=sql)).loc["a"].isna().all()
    (table,) = snapshot_tables(lines, [date(2020, 6, 8)], Target(min_active=2), extra=extra(x=sql))
    assert table["x"].to_pylist()[0] is None


def test_null_where_the_source_lacks_a_column_that_it_reads(order_lines: MakeLines) -> None:
    own = extra(web="COUNT(CASE WHEN channel = 'web' THEN 1 END)", orders="COUNT(DISTINCT order_id)")
    assert [e.needs for e in own] == [("channel",), ()]
    lines = order_lines([OLD], provided=["customer_id", "order_date", "amount"])
    found = snapshot(lines, [date(2020, 6, 8)], Target(min_active=2), extra=own)
    assert found.absent[-1] == "web"
    assert np.isnan(found.frame["web"].item())
    assert found.frame["orders"].item() == 1


def test_a_line_that_it_cannot_be_computed_of_is_an_error_that_says_so(order_lines: MakeLines) -> None:
    rows = [OLD, {"customer_id": "a", "day": "2020-06-05", "amount": 5.0, "product_id": "A7"}]
    own = extra(fine="SUM(amount)", x="MAX(CAST(product_id AS DOUBLE))", also="COUNT(*)")
    with pytest.raises(PipelineError) as error:
        values(order_lines(rows), "2020-06-08", own)
    assert error.value.message.startswith(
        "Expected an aggregate that can be computed of the lines of every customer, got Conversion Error: "
    )
    assert error.value.message.endswith(" in features.extra.x.sql.")
    assert values(order_lines(rows), "2020-06-05", own)["x"].isna().all()  # the line is not known yet


@pytest.mark.slow
def test_tables_in_pieces_hold_the_same_in_single_precision(
    order_lines: MakeLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartaccounts.features.sweep.pieces.ROWS", 7)
    lines, dates = order_lines(random_history(3, CENTS)), as_ofs(3)
    own = extra(a=WEEKEND, b={"sql": "SUM(amount)", "unit": "money"})
    tables = list(snapshot_tables(lines, dates, TARGET, extra=own))
    assert len(tables) > 1
    whole = pa.concat_tables(tables)
    expected = snapshot(lines, dates, TARGET, extra=own).frame.sort_values(["market", "customer_id", "as_of"])
    assert whole["customer_id"].to_pylist() == expected["customer_id"].tolist()
    assert [whole.schema.field(n).type for n in ("a", "b")] == [pa.float32(), pa.float64()]
    np.testing.assert_array_equal(whole["a"].to_pandas(), expected["a"].astype("float32"))
    np.testing.assert_array_equal(whole["b"].to_pandas(), expected["b"])


@pytest.mark.parametrize(
    ("name", "what"),
    [("spend_91d", "a feature"), ("amount", "a column"), ("weekday", "a column"), ("as_of", "a column")],
)
def test_a_name_that_is_taken_is_refused(name: str, what: str) -> None:
    with pytest.raises(PipelineError, match=f"got that of {what} in features.extra.{name}"):
        extra(**{name: "SUM(amount)"})


def test_no_name_of_another_column_can_be_taken(order_lines: MakeLines) -> None:
    """Whatever stands beside a feature in a frame has a name that is refused."""
    lines, dates = order_lines(random_history(1, CENTS)), as_ofs(1)
    rows = panel(snapshot(lines, dates, TARGET), outcome(lines, dates, horizon_days=91), dates)
    assert {*with_figures(rows.frame)} <= {*CATALOGUE, *SEEN, *TAKEN}
    assert {*STANDING, "growth_182d", "month_best_spend", "probability", "work_pays", "target"} <= TAKEN
    assert SAID
    with pytest.raises(PipelineError, match=r"got that of a column in features\.extra\.growth_182d"):
        checked_extra(asked(growth_182d="SUM(amount)"))
    assert checked_extra(asked(mine="SUM(amount)")) == extra(mine="SUM(amount)")
    assert checked_extra(asked()) == ()


def test_words_are_not_what_a_model_depends_on() -> None:
    (one,) = declared(asked(x="SUM(amount)"))
    assert (one.name, one.sql, one.needs, one.rises) == ("x", "SUM(amount)", (), False)
    (other,) = declared(asked(x={"sql": "SUM(amount)", "meaning": "otherwise said"}))
    assert one.computed == other.computed
    for change in ({"sql": "SUM( amount)"}, {"unit": "money"}, {"within_days": 3}, {"direction": "rises"}):
        assert declared(asked(x={"sql": "SUM(amount)"} | change))[0].computed != one.computed


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ({"Bad Name": {"sql": "SUM(amount)", "unit": "count", "meaning": "m"}}, "features.extra, got 'Bad Name'"),
        ({"x": {"sql": "SUM(amount)", "unit": "pounds", "meaning": "m"}}, "features.extra.x.unit, got 'pounds'"),
        ({"x": {"sql": "SUM(amount)", "meaning": "m"}}, "Expected the key 'features.extra.x.unit', got none"),
        ({"x": {"sql": "", "unit": "count", "meaning": "m"}}, "features.extra.x.sql, got ''"),
        ({"x": {"sql": "SUM(amount)", "unit": "count", "meaning": "m", "within_days": 0}}, "within_days, got 0"),
        ({"x": {"sql": "SUM(amount)", "unit": "count", "meaning": "m", "window": 3}}, "'features.extra.x.window'"),
        ({"x": "SUM(amount)"}, "Expected a valid features.extra, got 'SUM(amount)'"),
    ],
)
def test_slips_of_the_file_are_explained(features: dict[str, Any], said: str) -> None:
    with pytest.raises(PipelineError) as error:
        pipeline_from(
            asked().model_dump(mode="json", exclude_none=True) | {"features": {"extra": features}}, folder=Path()
        )
    assert said in str(error.value)


def test_the_page_of_features_is_the_dictionary_and_its_example_runs(order_lines: MakeLines) -> None:
    page = (Path(__file__).parents[3] / "docs/features.md").read_text(encoding="utf-8")
    assert page == as_markdown()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    said = yaml.safe_load(example)["features"]["extra"]
    own = checked_extra(asked(**said))
    found = snapshot(order_lines(random_history(1, CENTS)), as_ofs(1), TARGET, extra=own).frame
    assert found[[*said]].notna().any().all()
    readme = (Path(__file__).parents[3] / "pipelines/README.md").read_text(encoding="utf-8")
    (file,) = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    assert checked_extra(asked(**yaml.safe_load(file)["features"]["extra"])) == own
