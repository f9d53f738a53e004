"""Aggregates of the pipeline file: what may be written, and what is made of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import PipelineError
from smartaccounts.features.aggregate import columns_of, exact
from smartaccounts.features.extra import SEEN

KEY = "features.extra.x.sql"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as opened:
        yield opened


def used(sql: str, engine: Engine) -> tuple[str, ...]:
    return columns_of(sql, columns=SEEN, key=KEY, engine=engine)


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SUM(CASE WHEN weekday >= 5 THEN amount END) / NULLIF(SUM(amount), 0)", ("amount", "weekday")),
        ("count(*)", ()),
        ("COUNT(DISTINCT order_id) FILTER (WHERE Age <= 30) -- of a month", ("age", "order_id")),
        ("as_of - MAX(day)", ("as_of", "day")),
        ("AVG(DISTINCT amount)", ("amount",)),
        ("STDDEV_SAMP(amount) / AVG(amount)", ("amount",)),
        ("CORR(day, amount)", ("amount", "day")),
        ("MEDIAN(quantity)", ("quantity",)),
        ("PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY amount)", ("amount",)),
        ("LN(1 + GREATEST(SUM(amount * EXP(-age / 90.0)), 0))", ("age", "amount")),
        ("MIN(known_day - day)", ("day", "known_day")),
        ("SUM(CASE WHEN month IN (11, 12) AND channel = 'web' THEN 1 ELSE 0 END)", ("channel", "month")),
    ],
)
def test_one_aggregate_is_accepted_with_the_columns_it_reads(
    engine: Engine, sql: str, columns: tuple[str, ...]
) -> None:
    assert used(sql, engine) == columns


@pytest.mark.parametrize(
    ("sql", "got"),
    [
        ("1", "'1' without one"),
        ("as_of", "'as_of' without one"),
        ("abs(amount)", "'abs(amount)' without one"),
        ("SUM(amount) / (SELECT COUNT(*) FROM order_lines)", "a subquery"),
        ("SUM(amount) OVER ()", "a window function"),
        ("SUM(day - current_date)", "the clock (current_date)"),
        ("SUM(amount) * random()", "the function 'random'"),
        ("FIRST(amount)", "the function 'first'"),
        ("ARG_MAX(amount, day)", "the function 'arg_max'"),
        ("STRING_AGG(product_id, ',')", "the function 'string_agg'"),
        ("COUNT(*) + LENGTH(READ_TEXT('/etc/passwd'))", "the function 'read_text'"),
        ("SUM(COLUMNS('amount'))", "a star"),
        ("SUM($1)", "a parameter"),
        ("SUM(amount), SUM(quantity)", "'SUM(amount), SUM(quantity)'"),
        ("SUM(amount) AS x", "'SUM(amount) AS x'"),
        ("SUM(amount) FROM order_lines; DROP TABLE order_lines; --", "'SUM(amount) FROM order_lines; DROP"),
        ("SUM(amount) FROM source_line GROUP BY day UNION SELECT 1", "'SUM(amount) FROM source_line"),
        ("SUM(amount", "'SUM(amount' (syntax error"),
        ("", "''"),
    ],
)
def test_anything_else_is_refused_by_name(engine: Engine, sql: str, got: str) -> None:
    with pytest.raises(PipelineError) as error:
        used(sql, engine)
    assert error.value.message.startswith(f"Expected one aggregate over the lines of a customer, got {got}")
    assert error.value.message.endswith(f" in {KEY}.")
    assert error.value.hint.startswith("SUM, AVG, COUNT")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SUM(amont)", "got 'amont' in features.extra.x.sql.\nHint: Did you mean 'amount'?"),
        ('SUM(CASE WHEN channel = "web" THEN 1 END)', "Expected a column of an order line, got 'web'"),
        ("SUMM(amount)", "Expected a function that the engine knows, got 'summ'"),
        ("amount / SUM(amount)", 'that fits its columns, got Binder Error: column "amount" must'),
        ("SUM(SUM(amount))", "got Binder Error: aggregate function calls cannot be nested"),
        ("SUM(channel)", "Expected an aggregate that fits its columns, got "),
        ("MAX(channel)", "Expected an aggregate that is a number, got VARCHAR in features.extra.x.sql."),
        ("COUNT(*) > 3", "Expected an aggregate that is a number, got BOOLEAN in features.extra.x.sql."),
    ],
)  # fmt: skip
def test_a_slip_is_explained(engine: Engine, sql: str, said: str) -> None:
    with pytest.raises(PipelineError) as error:
        used(sql, engine)
    assert said in str(error.value)


@pytest.mark.parametrize("sql", ["COUNT(DISTINCT order_id)", "MAX(amount) FILTER (WHERE age < 5)", "median(amount)"])
def test_what_has_no_order_stays_as_it_is(engine: Engine, sql: str) -> None:
    text = exact(sql, key=KEY, engine=engine)
    assert "ORDER BY" not in text
    assert "DECIMAL" not in text


def answer(sql: str, values: list[float | None], engine: Engine) -> float | None:
    rows = ", ".join(f"(CAST({'NULL' if v is None else repr(str(v))} AS DOUBLE), {i})" for i, v in enumerate(values))
    text = exact(sql, key=KEY, engine=engine)
    (got,) = engine.rows(f"SELECT {text} FROM (VALUES {rows}) lines(amount, age)")[0]
    return got


@pytest.mark.parametrize(
    ("sql", "values", "expected"),
    [
        ("SUM(amount)", [0.1, 0.2, -0.3], 0.0),  # 5.6e-17 in doubles
        ("SUM(amount)", [1e16, 1.0, -1e16], 1.0),  # 0.0 in doubles
        ("SUM(amount)", [None, 2.5], 2.5),
        ("SUM(amount)", [None], None),
        ("SUM(amount) FILTER (WHERE age > 0)", [5.0, 7.0, 9.0], 16.0),
        ("SUM(amount) FILTER (WHERE age > 9)", [5.0], None),
        ("SUM(DISTINCT amount)", [5.0, 5.0, 2.0], 7.0),
        ("AVG(amount)", [1.0, None, 2.0], 1.5),
        ("AVG(DISTINCT amount) FILTER (WHERE age < 3)", [1.0, 1.0, 2.0, 9.0], 1.5),
        ("SUM(amount)", [float("inf"), 1.0], None),
        ("SUM(amount)", [float("nan"), 1.0], None),
        ("AVG(amount)", [1e22, 1.0], None),
        ("SUM(amount / 0)", [1.0], None),
        ("STDDEV_SAMP(amount)", [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], (32 / 7) ** 0.5),
        ("CORR(amount, age)", [1.0, 2.0, 3.0], 1.0),
        ("SUM(amount) / COUNT(*)", [1.0, None], 0.5),
    ],
)
def test_sums_are_exact(engine: Engine, sql: str, values: list[float | None], expected: float | None) -> None:
    assert answer(sql, values, engine) == (expected if expected is None else pytest.approx(expected, rel=1e-15, abs=0))


@pytest.mark.parametrize(
    "sql", ["SUM(amount)", "AVG(amount)", "STDDEV(amount)", "VAR_POP(amount)", "CORR(amount, age)"]
)
def test_the_order_of_rows_changes_no_bit(engine: Engine, sql: str) -> None:
    values: list[float | None] = [0.1 * i**3 - 7.77 * i for i in range(40)]
    text = exact(sql, key=KEY, engine=engine)
    found = set()
    for turn in range(7):
        rows = [f"({v}::DOUBLE, {i})" for i, v in enumerate(values)]
        found.add(engine.rows(f"SELECT {text} FROM (VALUES {', '.join(rows[turn:] + rows[:turn])}) l(amount, age)")[0])
    assert len(found) == 1
