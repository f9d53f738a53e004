"""Conditions of the pipeline file: one row at a time, and nothing that could see the future."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from smartaccounts.engine.duckdb import Engine
from smartaccounts.errors import PipelineError
from smartaccounts.orders.keep import columns_of

COLUMNS = {"StockCode": "VARCHAR", "Price": "DOUBLE", "When": "TIMESTAMP", "n": "BIGINT", 'odd "name"': "VARCHAR"}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as opened:
        yield opened


def used(condition: str, engine: Engine) -> tuple[str, ...]:
    return columns_of(condition, columns=COLUMNS, key="keep", engine=engine)


@pytest.mark.parametrize(
    ("condition", "columns"),
    [
        ("regexp_matches(StockCode, '^[0-9]{5}') AND Price > 0", ("Price", "StockCode")),
        ("stockcode LIKE 'C%' OR NOT (price BETWEEN 1 AND 2)", ("Price", "StockCode")),
        ("StockCode NOT IN ('POST', 'M') -- no postage", ("StockCode",)),
        ("CASE WHEN n IS NULL THEN FALSE ELSE nullif(n, 0) % 2 = 1 END", ("n",)),
        ('"When" >= DATE \'2010-01-01\' AND year("When") < 2020', ("When",)),
        ("TRY_CAST(StockCode AS DOUBLE) > 3 AND coalesce(Price, 0) * -1 < 5", ("Price", "StockCode")),
        ('"odd ""name""" ILIKE \'%x%\'', ('odd "name"',)),
        ("TRUE", ()),
    ],
)
def test_a_condition_over_one_row_is_accepted_with_the_columns_it_reads(
    engine: Engine, condition: str, columns: tuple[str, ...]
) -> None:
    assert used(condition, engine) == columns


@pytest.mark.parametrize(
    ("condition", "got"),
    [
        ("Price > (SELECT avg(Price) FROM source_line)", "a subquery"),
        ("EXISTS (SELECT 1)", "a subquery"),
        ("Price > avg(Price)", "the function 'avg'"),
        ("count(*) > 1", "the function 'count_star'"),
        ("row_number() OVER () < 10", "a window function"),
        ('sum(n) OVER (ORDER BY "When") < 10', "a window function"),
        ('"When" < current_date', "the clock (current_date)"),
        ('"When" < CURRENT_TIMESTAMP', "the clock (CURRENT_TIMESTAMP)"),
        ('"When" < now()', "the function 'now'"),
        ('"When" < today()', "the function 'today'"),
        ('age("When") > INTERVAL 1 DAY', "the function 'age'"),
        ('"When" < current_localtimestamp()', "the function 'current_localtimestamp'"),
        ("random() < 0.5", "the function 'random'"),
        ("getvariable('x') = 1", "the function 'getvariable'"),
        ("current_setting('threads') = 1", "the function 'current_setting'"),
        ("nextval('s') > 1", "the function 'nextval'"),
        ("read_text('/etc/passwd') IS NULL", "the function 'read_text'"),
        ("list_contains(list_filter([1], lambda y: y > n), 1)", "a lambda"),
        ("COLUMNS('Price') > 0", "a star"),
        ("$1", "a parameter"),
        ("#1 > 0", "positional reference"),
        ("GROUPING(n) = 0", "grouping function"),
        ("n AS x", "'n AS x'"),
        ("n > 1, n > 2", "'n > 1, n > 2'"),
        ("DISTINCT n > 1", "'DISTINCT n > 1'"),
        ("n > 1 FROM source_line WHERE n > 1 UNION SELECT n > 1", "'n > 1 FROM source_line"),
        ("1=1) --", "'1=1) --' (syntax error"),
        ("TRUE; DROP TABLE order_lines; --", "'TRUE; DROP TABLE order_lines; --'"),
        ("TRUE); DROP TABLE order_lines; --", "'TRUE); DROP TABLE order_lines; --'"),
        ("TRUE FROM source_line; SELECT TRUE", "'TRUE FROM source_line; SELECT TRUE'"),
        ("", "''"),
    ],
)
def test_anything_else_is_refused_by_name(engine: Engine, condition: str, got: str) -> None:
    with pytest.raises(PipelineError) as error:
        used(condition, engine)
    assert error.value.message.startswith(f"Expected one condition over one row of the source, got {got}")
    assert error.value.message.endswith(" in keep.")
    assert error.value.hint.startswith("No subquery, aggregate, window")


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("Pric > 0", "Expected a column of the source, got 'Pric' in keep.\nHint: Did you mean 'Price'?"),
        ('StockCode = "POST"', "Expected a column of the source, got 'POST' in keep."),
        ("other.Price > 0", "Expected a column of the source, got 'other' in keep."),
        ("regex_matches(StockCode, 'a')", "Hint: Did you mean 'regexp_matches'?"),
        ("Price", "Expected a condition that is true or false, got DOUBLE in keep."),
        ("upper(StockCode, 3) = 'A'", "Expected a condition that fits its columns, got "),
    ],
)
def test_a_slip_is_explained(engine: Engine, condition: str, said: str) -> None:
    with pytest.raises(PipelineError) as error:
        used(condition, engine)
    assert said in str(error.value)
