"""What a notebook shows: whole HTML, every text escaped, with the bar and the intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from tests.unit.evaluation.walked import backtest_of, walked
from tests.unit.rankers.synthetic import card

from smartaccounts.bundle import Bundle
from smartaccounts.config import Target
from smartaccounts.evaluation.draws import Against
from smartaccounts.evaluation.gate import Verdict
from smartaccounts.evaluation.intervals import Comparison, Interval
from smartaccounts.evaluation.shown import interval_cell
from smartaccounts.features.snapshot import Snapshot
from smartaccounts.html import section, sentences, table
from smartaccounts.panel import Panel
from smartaccounts.rankers.base import Note
from smartaccounts.rankers.plain import PLAIN
from smartaccounts.tracking.content import Training
from smartaccounts.tracking.leaderboard import Row
from smartaccounts.workflow.compare import Leaderboard, Standing
from smartaccounts.workflow.train import Trained

HOSTILE = "<script>alert('&\"')</script>"
GOOD, FAIR = "abcdef", "fabcde"


class Reader(HTMLParser):
    """Collects tags and text; refuses a tag that is closed out of turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the parser's
        self.seen.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(html: str) -> str:
    """Return the text of whole HTML of which nothing is run or fetched."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    assert set(reader.seen) <= {"div", "strong", "p", "table", "thead", "tbody", "tr", "th", "td", "br", "span"}
    assert "url(" not in html
    return "\n".join(reader.text)


def test_every_text_is_escaped() -> None:
    html = section(HOSTILE, sentences([HOSTILE]), table([HOSTILE, "n"], [[HOSTILE, (HOSTILE, HOSTILE)]]))
    assert read(html).count(HOSTILE) == 6
    assert "<script" not in html


@pytest.mark.parametrize(
    ("interval", "cell"),
    [
        (None, "-"),
        (Interval(np.nan, np.nan, np.nan), "-"),
        (Interval(0.5, np.nan, np.nan), "0.500"),
        (Interval(0.1234, 0.1, 0.2), ("0.123", "0.100 to 0.200")),
        (Interval(-0.5, -1, 0), ("-0.500", "-1.000 to 0.000")),
        (Interval(12.34, 9, 15), ("12.3", "9.0 to 15.0")),
    ],
)
def test_a_mean_stands_over_its_interval(interval: Interval | None, cell: object) -> None:
    assert interval_cell(interval) == cell


def panel(dates: int, *, known: bool) -> Panel:
    days = [d for d in pd.date_range("2020-01-01", periods=dates, freq="MS") for _ in range(4)]
    frame = pd.DataFrame({"as_of": days, "eligible": [True, True, True, False] * dates})
    target = [1.0, 0.0, 0.0, 1.0] * dates if known else np.nan
    return Panel(Snapshot(frame, Target(), (HOSTILE,)), pd.DataFrame({"target": target}, index=frame.index))


def test_a_panel_shows_its_dates_and_base_rate() -> None:
    shown = panel(14, known=True)
    said = read(shown._repr_html_())
    assert "56 rows of 14 as_of dates, horizon 182 days, base rate 33.33%." in said
    assert "2020-02-01" not in said  # the latest twelve
    assert "2 earlier dates are not shown." in said
    assert f"Null for want of columns: {HOSTILE}." in said
    assert repr(shown) == "Panel(56 rows of 14 as_of dates, horizon 182 days, base rate 33.33%)"


def test_a_panel_without_outcome_says_so() -> None:
    assert "4 rows of 1 as_of date, horizon 182 days, no outcome is known yet." in read(
        panel(1, known=False)._repr_html_()
    )


def folds(*, known: bool = True) -> list[object]:
    made = [
        walked(date(2020, m, 1), {HOSTILE: GOOD, "past_h": FAIR, "decay_60": GOOD[::-1]}, "ab", known=known)
        for m in (1, 4)
    ]
    return [replace(t, left_out={"other": HOSTILE}, served=HOSTILE) for t in made]


def test_a_backtest_shows_the_bar_the_intervals_and_what_served() -> None:
    result = backtest_of(folds())
    html = result._repr_html_()
    said = read(html)
    assert "<script" not in html
    assert "2 past dates, horizon 60 days, 6 eligible on average, base rate 33.33%." in said
    assert f"The lists of {HOSTILE} are" in said
    assert "as those of the best plain ranking (past_h); 90% interval" in said
    assert "past_h *" in said
    assert f"2020-04-01: {HOSTILE}" in said
    assert f"2020-04-01 without other: {HOSTILE}" in said
    precision = result.mean("past_h", "average_precision")
    assert f"{precision.value:.3f}\n{precision.low:.3f} to {precision.high:.3f}" in said
    assert said.index(HOSTILE + "\n1.00") < said.index("past_h *") < said.index("decay_60\n")  # the best first
    assert repr(result).startswith("Backtest(shop: 2 of 2 dates judged, rankers <script>")


def test_a_backtest_without_outcome_says_so() -> None:
    result = backtest_of(folds(known=False))
    assert "2 dates scored; no outcome is known yet, so nothing is measured." in read(result._repr_html_())


def test_a_training_shows_what_serves_and_why() -> None:
    plain = Bundle(
        PLAIN["past_h"],
        replace(card("past_h"), notes=(Note("nothing_lent", {"lender": HOSTILE, "before": "2020-05-01"}),)),
    )
    verdict = Verdict("growth", None, None, None, None, None, 0, f"Not judged: {HOSTILE}.")
    problems = (
        SimpleNamespace(text=f"bad {HOSTILE}", severity="warns"),
        SimpleNamespace(text="dull", severity="tells"),
    )
    made = Trained(
        None, plain, backtest_of(folds()), verdict, SimpleNamespace(problems=problems),
        Training(pipeline="shop", bundle=plain), {}, done="Version 1 is in service.",
    )  # fmt: skip
    html = made._repr_html_()
    said = read(html)
    assert "<script" not in html
    for text in (verdict.sentence, "The evidence serves: past_h.", made.done, f"Data: bad {HOSTILE}", "past_h *"):
        assert text in said
    assert f"Nothing could be borrowed of {HOSTILE}: none of its outcomes was over by May 1, 2020." in said
    assert "dull" not in said
    assert "past_h serves. Not judged" in repr(made)
    assert "Not judged" in read(replace(made, result=None)._repr_html_())


def test_a_leaderboard_shows_trainings_beside_the_champion() -> None:
    row = Row(
        "run", "2020-03-01", HOSTILE, 1, "growth-1", ("champion",), {"average_precision": Interval(0.9, 0.8, 1.0)},
        datetime(2020, 3, 2, tzinfo=UTC),
    )  # fmt: skip
    compared = Comparison(Interval(-0.1, -0.2, 0.05), Interval(0.9, 0.8, 1.1), 0.25)
    other = replace(row, ranker="past_h", version=None, aliases=(), metrics={})
    board = Leaderboard(
        "shop", (Standing(row, Against(None)), Standing(other, Against(compared, paired=False, reason="other dates")))
    )
    html = board._repr_html_()
    said = read(html)
    assert "<script" not in html
    assert "0.900\n0.800 to 1.000" in said
    assert "-0.100 *\n-0.200 to 0.050\n25%" in said
    assert "* not paired" in said
    assert repr(board).splitlines() == [
        "Leaderboard of shop, the latest first",
        f"1 {HOSTILE} 2020-03-01 [champion]: average precision 0.900 (0.800 to 1.000)",
        "- past_h 2020-03-01: average precision -",
    ]
