"""The search for likeliest parameters: where it ends, and what it says where it cannot."""

from __future__ import annotations

import numpy as np
import pytest

from smartaccounts.rankers.base import Floats
from smartaccounts.rankers.likelihood import NotFoundError, maximum

NAMES = ("shape", "scale")


def bowl(values: Floats) -> tuple[float, Floats]:
    """Lowest at 2 and 30."""
    apart = np.log(values) - np.log([2.0, 30.0])
    return float(50 * apart @ apart), 100 * apart / values


def slope(values: Floats) -> tuple[float, Floats]:
    """Falls with the second parameter for ever."""
    return float(bowl(np.array([values[0], 30.0]))[0] - values[1]), np.array([bowl(values)[1][0], -1.0])


def test_it_finds_the_lowest_point() -> None:
    assert maximum(bowl, [(1.0, 1.0)], names=NAMES, total=10) == pytest.approx((2, 30), rel=1e-6)


def test_the_prior_draws_towards_one_with_its_precision() -> None:
    found = maximum(bowl, [(1.0, 1.0)], names=NAMES, total=10, prior=100.0)
    assert np.log(found) == pytest.approx(np.log([2.0, 30.0]) / 2)


def test_a_parameter_at_a_bound_is_said() -> None:
    with pytest.raises(NotFoundError, match=r"^scale at the bounds of the search \(shape .*, scale 1e\+04\)"):
        maximum(slope, [(1.0, 1.0)], names=NAMES, total=10)


def test_a_search_that_does_not_arrive_is_said() -> None:
    def wrong(values: Floats) -> tuple[float, Floats]:
        return bowl(values)[0], -bowl(values)[1]  # no step in the direction of these derivatives leads down

    with pytest.raises(NotFoundError, match=r"^a search that did not converge \(shape 1, scale 1\)"):
        maximum(wrong, [(1.0, 1.0)], names=NAMES, total=10)


def test_a_further_start_is_tried_where_a_search_fails() -> None:
    def hole(values: Floats) -> tuple[float, Floats]:
        value, slopes = bowl(values)
        return (value, slopes) if values[1] > 5 else (1e6, np.ones(2))

    with pytest.raises(NotFoundError):
        maximum(hole, [(1.0, 1.0)], names=NAMES, total=10)
    assert maximum(hole, [(1.0, 1.0), (1.0, 10.0)], names=NAMES, total=10) == pytest.approx((2, 30), rel=1e-6)
