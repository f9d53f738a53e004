"""What a trial runs over: nothing of the future, every date and market with its say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from tests.unit.workflow.test_train import END, pipeline, write

from smartaccounts.engine.duckdb import Engine
from smartaccounts.engine.memory import Room
from smartaccounts.errors import HistoryError
from smartaccounts.evaluation.course import Course, CutOff, Market, course, spread
from smartaccounts.evaluation.metrics import average_precision
from smartaccounts.evaluation.outcomes import Outcomes
from smartaccounts.evaluation.walk import planned
from smartaccounts.features.snapshot import snapshot
from smartaccounts.orders.contract import OrderLines
from smartaccounts.orders.read import read
from smartaccounts.panel import Panel
from smartaccounts.rankers.growth import Growth
from smartaccounts.rankers.plain import BY_PAST_SPEND, PLAIN

BEFORE = END - timedelta(days=91)
TESTS = [date(2020, 12, 1), date(2021, 3, 1), date(2021, 6, 1)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("grows")
    write(made, growers=40)
    return made


@pytest.fixture(scope="module")
def lines(folder: Path) -> Iterator[OrderLines]:
    with Engine() as engine:
        yield read(pipeline(folder), engine)


@pytest.fixture(scope="module")
def ground(lines: OrderLines, folder: Path) -> Course:
    return course(lines, TESTS, pipeline(folder), known_before=BEFORE)


def test_the_order_of_dates_is_spread_over_time_from_the_start(ground: Course) -> None:
    assert [c.as_of for c in ground.cut_offs] == [TESTS[2], TESTS[0], TESTS[1]]
    months = [date(2020 + m // 12, m % 12 + 1, 1) for m in range(0, 36, 3)]
    order = spread(months)
    assert sorted(order) == months
    gaps = [max((b - a).days for a, b in pairwise(sorted(order[:n]))) for n in range(2, 13)]
    assert gaps == sorted(gaps, reverse=True)  # each new date halves the widest gap or leaves it


def test_training_horizons_are_over_at_the_cut_off_and_outcomes_before_the_end(ground: Course) -> None:
    for cut in ground.cut_offs:
        assert cut.learned.snapshot.frame["as_of"].max() + timedelta(days=91) <= np.datetime64(cut.as_of)
        assert cut.as_of + timedelta(days=91) <= BEFORE


@pytest.mark.slow
def test_a_run_is_the_growth_model_against_the_best_plain_ranking(
    ground: Course, lines: OrderLines, folder: Path
) -> None:
    shop = pipeline(folder)
    (fold,) = planned(lines.first_known, [TESTS[2]], shop)
    dates = [*fold.train, fold.test]
    seen = snapshot(lines, dates, shop.target)
    outcomes = Outcomes(lines, seen, [fold.test, BEFORE])
    tested = outcomes.panel([fold.test], known_before=BEFORE)
    tested = tested.rows(tested.snapshot.frame["eligible"])
    fitted = Growth(shop.model).fit(outcomes.panel(fold.train, known_before=fold.test))
    y, frame = tested.outcome["target"].to_numpy(), tested.snapshot.frame
    ours = average_precision(y, fitted.score(frame).score).value
    bar = average_precision(y, PLAIN[ground.best_plain].score(frame).score).value
    assert next(ground.run(shop.model)) == pytest.approx(np.log(ours / bar))


def test_a_run_is_the_same_each_time(ground: Course, folder: Path) -> None:
    model = pipeline(folder).model
    assert list(ground.run(model)) == list(ground.run(model))


@pytest.mark.slow
def test_designs_may_lie_in_files(
    ground: Course, lines: OrderLines, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines.engine, "room", Room(0, tmp_path))
    filed = course(lines, TESTS, pipeline(folder), known_before=BEFORE)
    for level, made in ground.designs.items():
        assert filed.designs[level].matrix.base is not None
        np.testing.assert_array_equal(filed.designs[level].matrix, made.matrix)
    assert list(filed.run(pipeline(folder).model)) == list(ground.run(pipeline(folder).model))


@pytest.mark.slow
def test_what_is_known_later_changes_nothing(ground: Course, folder: Path, tmp_path: Path) -> None:
    rows = (folder / "lines.csv").read_text().splitlines()
    later = [r for r in rows[1:] if r.split(",")[1] >= str(BEFORE)]
    kept = [r for r in rows[1:] if r.split(",")[1] < str(BEFORE)]
    assert later
    changed = [f"{c},{d},{float(a) * 1000:.2f}" for c, d, a in (r.split(",") for r in later)]
    new = [f"new{i},{BEFORE},5000" for i in range(30)]
    model = pipeline(folder).model
    for end in ([], changed + new):
        (tmp_path / "lines.csv").write_text("\n".join([rows[0], *kept, *end]) + "\n")
        with Engine() as engine:
            shop = pipeline(tmp_path)
            again = course(read(shop, engine), TESTS, shop, known_before=BEFORE)
        assert list(again.run(model)) == list(ground.run(model))
        assert [c.plain for c in again.cut_offs] == [c.plain for c in ground.cut_offs]


@pytest.mark.slow
def test_a_line_that_becomes_known_later_is_not_seen_though_it_is_of_an_earlier_day(
    folder: Path, tmp_path: Path
) -> None:
    columns = {"customer_id": "c", "order_date": "d", "known_date": "k", "amount": "a"}
    rows = [r.split(",") for r in (folder / "lines.csv").read_text().splitlines()[1:]]
    on_time = [f"{c},{d},{d},{a}" for c, d, a in rows]
    late = [f"k{c:02d},{TESTS[2] + timedelta(days=40)},{BEFORE},900000" for c in range(80)]
    found = []
    for body in (on_time, on_time + late):
        (tmp_path / "lines.csv").write_text("\n".join(["c,d,k,a", *body]) + "\n")
        shop = pipeline(tmp_path, columns=columns)
        with Engine() as engine:
            made = course(read(shop, engine), TESTS, shop, known_before=BEFORE)
        found.append([list(made.run(shop.model)), [c.plain for c in made.cut_offs]])
    assert found[0] == found[1]


@pytest.mark.slow
def test_dates_that_teach_nothing_are_left_out_with_the_reason(lines: OrderLines, folder: Path) -> None:
    made = course(lines, [date(2020, 7, 1), *TESTS], pipeline(folder), known_before=BEFORE)
    assert set(made.left_out) == {date(2020, 7, 1)}
    assert "Expected at least 10 customers that grew" in made.left_out[date(2020, 7, 1)]
    assert len(made.cut_offs) == 3
    with pytest.raises(HistoryError, match=r"got none of use among 1\.\n2020-07-01: Expected at least 10") as no:
        course(lines, [date(2020, 7, 1)], pipeline(folder), known_before=BEFORE)
    assert no.value.hint


def cut_off(*grown: list[int]) -> CutOff:
    """A cut-off with so many markets, their rows one behind the other."""
    starts = np.cumsum([0, *(len(g) for g in grown)])
    markets = tuple(Market(np.arange(s, s + len(g)), np.array(g, float)) for s, g in zip(starts, grown, strict=False))
    nothing = np.zeros(0, dtype=np.intp)
    return CutOff(TESTS[0], nothing, Panel(None, None), nothing, markets, dict.fromkeys(BY_PAST_SPEND, 0.0))


def test_twice_as_good_here_and_half_as_good_there_is_no_gain() -> None:
    two = cut_off([1, 0, 0, 0], [0, 0, 0, 1])
    level = two.measure(np.array([3.0, 9, 2, 1, 9, 3, 2, 3]))  # second and second (tied)
    moved = two.measure(np.array([9.0, 3, 2, 1, 9, 8, 7, 3]))  # first and fourth
    assert moved == pytest.approx(np.log(1 / 4) / 2)
    assert level < 0


def test_a_large_market_weighs_more_than_a_small_one_but_not_by_its_size() -> None:
    two = cut_off([1] * 16 + [0] * 16, [1, 0])
    assert [m.weight for m in two.markets] == [4, 1]
    good = np.concatenate([np.arange(32.0)[::-1], [0.0, 1.0]])  # perfect in the large, second of two in the small
    assert two.measure(good) == pytest.approx(np.log(1 / 2) / 5)
