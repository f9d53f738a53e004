"""How long BG/NBD and gamma-gamma take on many customers, and whether they find what these were simulated with.

python benchmarks/btyd_speed.py [--customers 100000] [--seed 0]
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from smartaccounts.rankers.base import Floats
from smartaccounts.rankers.bgnbd import BgNbd, Histories, fit_bgnbd
from smartaccounts.rankers.gamma_gamma import GammaGamma, fit_gamma_gamma

BUYING = BgNbd(r=0.9, alpha=40.0, a=0.6, b=3.0)
VALUE = GammaGamma(p=2.5, q=3.5, gamma=400.0)
LONGEST = 730


def histories(truth: BgNbd, customers: int, rng: np.random.Generator) -> Histories:
    """Simulate customers who were first seen up to LONGEST days ago, in whole days as a snapshot has them."""
    age = rng.integers(30, LONGEST + 1, customers).astype(float)
    rate = rng.gamma(truth.r, 1 / truth.alpha, customers)
    stops = rng.beta(truth.a, truth.b, customers)
    x, t_x, clock = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    going = np.arange(customers)
    while len(going):
        clock[going] += rng.exponential(1 / np.maximum(rate[going], 1e-12))
        going = going[clock[going] <= age[going]]
        x[going] += 1
        t_x[going] = clock[going]
        going = going[rng.random(len(going)) >= stops[going]]
    return Histories(x, np.round(t_x), age)


def mean_values(truth: GammaGamma, purchases: Floats, rng: np.random.Generator) -> Floats:
    """Simulate the mean value of each customer's purchases, in cents as money is."""
    rate = rng.gamma(truth.q, 1 / truth.gamma, len(purchases))
    mean: Floats = np.maximum(np.round(rng.gamma(truth.p * purchases) / rate / purchases, 2), 0.01)
    return mean


def main() -> None:
    """Print the truth, what was found, and CPU seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    seen = histories(BUYING, asked.customers, rng)
    mean = mean_values(VALUE, seen.x + 1, rng)
    different = len(seen.distinct()[1])
    print(f"{asked.customers:,} customers, {different:,} different histories, at most {seen.x.max():.0f} repeats")
    started = time.process_time()
    buying = fit_bgnbd(seen)
    fitted = time.process_time()
    value = fit_gamma_gamma(seen.x + 1, mean)
    valued = time.process_time()
    spend = buying.expected(seen, 182) * value.expected(seen.x + 1, mean)
    scored = time.process_time()
    print(f"fit BG/NBD       {fitted - started:6.2f} s  {buying}\n                  truth    {BUYING}")
    print(f"fit gamma-gamma  {valued - fitted:6.2f} s  {value}\n                  truth    {VALUE}")
    print(f"expected spend   {scored - valued:6.2f} s  mean {spend.mean():.2f} in 182 days")


if __name__ == "__main__":
    main()
