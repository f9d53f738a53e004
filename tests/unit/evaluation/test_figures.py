import math
from datetime import date

import numpy as np
import pytest
from matplotlib import image
from matplotlib.text import Text

from smartaccounts.evaluation import figures
from smartaccounts.evaluation.intervals import Interval
from smartaccounts.evaluation.metrics import Curve, gain_curve, lift_curve, reliability

SHARES = np.linspace(0, 1, 201)
RANKERS = ("growth", "decay_180", "past_h", "past_365", "decay_60", "rfm")
DATES = [date(2011, 1, 1), date(2011, 2, 1)]


def outcomes(seed=0, rows=500):
    random = np.random.default_rng(seed)
    worth = random.normal(size=rows)
    return (worth + random.normal(size=rows) > 2).astype(int), worth + random.normal(size=rows)


def curves(of=gain_curve):
    y, _ = outcomes()
    return {
        r: of(y, outcomes()[1] + np.random.default_rng(i).normal(size=500) * i, SHARES) for i, r in enumerate(RANKERS)
    }


def texts(figure):
    return {t.get_text() for t in figure.findobj(Text)}


def gain(**more):
    mark = figures.Mark("the first 50", 0.1)
    return figures.gain_figure(curves(), highlight=["growth"], best_plain="decay_180", capacity=mark, **more)


def test_the_gain_figure_tells_what_each_ranker_finds_within_capacity():
    figure = gain(subtitle="Mean of 6 lists")
    found = curves()["growth"].value[20]
    assert {
        "Share of future key accounts found when you work through the list",
        "Mean of 6 lists",
        "the first 50 (10%)",
        f"growth: {found:.0%} in the first 50",
        "4 other rankings",
        "random order",
    } <= texts(figure)
    (axes,) = figure.axes
    lines = {line.get_label().split(":")[0].split(" ")[0]: line for line in axes.get_lines()}
    assert lines["decay_180"].get_linestyle() == "--"
    np.testing.assert_array_equal(lines["growth"].get_ydata(), curves()["growth"].value)
    assert lines["growth"].get_color() != figures.FAINT


def test_the_legend_covers_no_part_of_the_axes():
    for figure in (gain(), figures.lift_figure(curves(lift_curve), highlight=["growth"], best_plain="decay_180")):
        figure.canvas.draw()
        (legend,) = figure.legends
        (axes,) = figure.axes
        assert not legend.get_window_extent().overlaps(axes.get_window_extent())


@pytest.mark.slow
def test_every_text_stays_inside_the_picture():
    for figure in (gain(subtitle="Mean of 6 lists"), figures.reliability_figure(reliability(*probabilities()))):
        figure.canvas.draw()
        for text in figure.findobj(Text):
            if text.get_visible() and text.get_text():
                box = text.get_window_extent()
                assert box.x0 >= 0, text
                assert box.x1 <= figure.bbox.x1, text
                assert box.y1 <= figure.bbox.y1, text


def test_the_lift_figure_leaves_out_shares_too_small_to_mean_anything():
    figure = figures.lift_figure(curves(lift_curve), highlight=["growth"], best_plain="decay_180")
    (axes,) = figure.axes
    drawn = next(line for line in axes.get_lines() if line.get_label() == "growth")
    assert drawn.get_xdata().min() == 0.005
    assert axes.get_ylim()[1] >= np.nanmax(curves(lift_curve)["growth"].value[1:])


def probabilities():
    y, score = outcomes()
    return y, 1 / (1 + np.exp(4 - score))


def test_the_reliability_figure_shows_every_bin_with_its_range_and_count():
    bins = reliability(*probabilities())
    above, below = figures.reliability_figure(bins).axes
    points = above.get_lines()[1]
    np.testing.assert_allclose(points.get_xdata(), [b.predicted for b in bins])
    np.testing.assert_allclose(points.get_ydata(), [b.observed for b in bins])
    assert above.get_xlim()[1] >= max(b.predicted for b in bins)
    assert above.get_ylim()[1] >= max(b.high for b in bins)
    assert [bar.get_height() for bar in below.patches] == [b.positives for b in bins]
    assert "(50 customers in each)" in below.get_xlabel()


def test_the_reliability_figure_of_nobody_says_so():
    assert "No customers to show." in texts(figures.reliability_figure(()))


def test_average_precision_by_date_shows_intervals_and_leaves_out_what_is_nan():
    good, none = Interval(0.2, 0.1, 0.4), Interval(math.nan, math.nan, math.nan, "no customer became a key account")
    intervals = {"growth": [good, none], "decay_180": [good, good], "rfm": [good, good]}
    figure = figures.average_precision_figure(
        DATES, intervals, highlight=["growth"], best_plain="decay_180", base_rates=[0.01, 0.02]
    )
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["Jan\n2011", "Feb\n2011"]
    ends = {tuple(s[:, 1]) for c in axes.collections for s in c.get_segments() if len(s)}
    assert {(0.1, 0.4), (0.01, 0.01), (0.02, 0.02)} <= ends
    assert {"growth", "decay_180 (best plain ranking)", "other rankings: rfm", "random order"} <= texts(figure)


def test_dates_that_are_no_firsts_of_months_show_their_day():
    days = [date(2011, 3, 14), *(date(2011, 4, d) for d in range(1, 10))]
    assert figures.day_labels(days)[:3] == ["14 Mar\n2011", "", "2 Apr\n2011"]


def test_a_curve_without_key_accounts_is_named_and_not_drawn():
    nothing = Curve(SHARES, np.full(len(SHARES), math.nan), "no customer became a key account")
    mark = figures.Mark("the first 50", 0.8)
    figure = figures.gain_figure({"growth": nothing}, highlight=["growth"], capacity=mark)
    assert "growth: no key accounts" in texts(figure)
    assert "random order" in texts(figures.lift_figure({"growth": nothing}, highlight=["growth"], capacity=mark))


def test_more_highlights_than_colours_are_refused():
    with pytest.raises(ValueError, match="at most 4 highlighted rankers, got 6"):
        figures.gain_figure(curves(), highlight=RANKERS)


@pytest.mark.slow
def test_a_figure_is_saved_with_the_same_bytes_every_time(tmp_path):
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    figures.save(gain(), first)
    figures.save(gain(), second)
    assert first.read_bytes() == second.read_bytes()
    assert image.imread(first).shape == (840, 1200, 4)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["first.png", "second.png"]


def test_a_figure_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(OSError, match=r"taken\.png"):
        figures.save(gain(), tmp_path / "taken.png")
    assert [p.name for p in tmp_path.iterdir()] == ["taken.png"]


def test_without_capacity_and_plain_ranking_all_others_are_named_together():
    few = {r: c for r, c in curves().items() if r in ("growth", "past_h", "rfm")}
    figure = figures.gain_figure(few, highlight=["growth"])
    assert {"growth", "other rankings: past_h, rfm", "random order"} <= texts(figure)


def test_without_base_rates_there_is_no_random_order():
    figure = figures.average_precision_figure(DATES[:1], {"growth": [Interval(0.2, 0.1, 0.4)]}, highlight=["growth"])
    assert "random order" not in texts(figure)
