"""The likeliest values of a few positive parameters: one search for the models of purchases and of their value."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from threadpoolctl import threadpool_limits

from smartaccounts.rankers.base import Floats

BOUNDS = (1e-4, 1e4)
"""Parameters are sought between these; one that ends there says that the data cannot tell it."""

LOGS = (float(np.log(BOUNDS[0])), float(np.log(BOUNDS[1])))
EXACT = {"ftol": 1e-14, "gtol": 1e-8, "maxiter": 1000}

FLAT = 1e-4
"""The slope of the mean loss, by the logs of the parameters, at which a search has arrived."""

Loss = Callable[[Floats], tuple[float, Floats]]
"""Given the parameters: minus the log-likelihood, and its derivatives."""


class NotFoundError(Exception):
    """The search did not arrive, or ran to a bound; the text says which, and where it stood."""


def maximum(
    loss: Loss, starts: Sequence[Sequence[float]], *, names: Sequence[str], total: float, prior: float = 0.0
) -> tuple[float, ...]:
    """Return the parameters of the lowest loss; the second and further `starts` are for a search that fails.

    The search is over logs, and over loss / total, so that its steps and its end depend on neither unit nor size.
    prior / 2 x log(parameter)^2 is added to the loss: a normal prior around 1 in each log, with this precision.
    NotFoundError where no search converged with every parameter inside BOUNDS; it tells of the first.
    """

    def scaled(logs: Floats) -> tuple[float, Floats]:
        values = np.exp(logs)
        value, slopes = loss(values)
        return (value + prior / 2 * float(logs @ logs)) / total, (slopes * values + prior * logs) / total

    failed = []
    with threadpool_limits(1):  # a parallel BLAS waits longer for its threads than these few numbers take
        for start in starts:
            bounds = [LOGS] * len(start)
            found = minimize(scaled, np.log(start), jac=True, method="L-BFGS-B", bounds=bounds, options=EXACT)
            values = np.exp(found.x)
            wrong = _wrong(found, names)
            if not wrong:
                return tuple(values.tolist())
            said = ", ".join(f"{name} {value:.4g}" for name, value in zip(names, values, strict=True))
            failed.append(f"{wrong} ({said})")
    raise NotFoundError(failed[0])


def _wrong(found: OptimizeResult, names: Sequence[str]) -> str:
    """Say what is wrong with the end of a search, nothing where it is sound."""
    outside = [n for n, x in zip(names, found.x, strict=True) if min(x - LOGS[0], LOGS[1] - x) < 0.01]
    if outside:
        return f"{' and '.join(outside)} at the bounds of the search"
    arrived = np.isfinite(found.fun) and np.abs(found.jac).max() <= FLAT
    return "" if arrived else "a search that did not converge"
