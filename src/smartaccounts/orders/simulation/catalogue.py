"""What is sold: products in categories, their popularity, yearly list prices and unit costs, and the fee codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CATEGORIES = (
    "fasteners", "tools", "safety", "electrical", "plumbing",
    "adhesives", "packaging", "cleaning", "lighting", "abrasives",
)  # fmt: skip
MARGINS = np.array([0.46, 0.34, 0.41, 0.29, 0.31, 0.44, 0.24, 0.38, 0.33, 0.42])  # of the list price, per category
FEES = ("FREIGHT", "BANK FEE", "TEST01")
FEE_CATEGORY = "fees"
DRAWS = 1 << 14  # entries of one lookup table of popularity


@dataclass(frozen=True)
class Catalogue:
    """Products and prices; the product axis is the products, then the fee codes of `FEES`.

    `category` (product,) is an index into `CATEGORIES`, one beyond for fees; `pack` (product,) the pieces sold
    together; `list_price` and `cost` (year of the simulation, product) money per unit; `popular` (2, category, DRAWS)
    product rows as often as they sell: [0] to everybody, [1] to large accounts.
    """

    product_id: tuple[str, ...]
    category: NDArray[np.int8]
    pack: NDArray[np.float64]
    list_price: NDArray[np.float64]
    cost: NDArray[np.float64]
    popular: NDArray[np.int32]

    @property
    def first_fee(self) -> int:
        """Return the row of the first fee code."""
        return len(self.product_id) - len(FEES)


def draw_catalogue(rng: np.random.Generator, *, customers: int, calendar_years: int) -> Catalogue:
    """Draw 300 to 20,000 products, the more the more customers there are, and prices that step once a calendar year."""
    size = int(np.clip(300 + customers // 10, 300, 20_000))
    category = np.sort(rng.integers(0, len(CATEGORIES), size)).astype(np.int8)
    category[: len(CATEGORIES)] = np.arange(len(CATEGORIES))  # none is empty
    base = np.exp(rng.normal(2.3, 0.9, size)).clip(0.8, 400.0)
    pack = np.where(base < 6, rng.choice([1.0, 1.0, 5.0, 10.0], size), 1.0)
    steps = 1 + np.maximum(rng.normal(0.03, 0.015, (calendar_years, size)), 0.0)
    steps[0] = 1.0
    margin = MARGINS[category] + rng.normal(0, 0.03, size)
    cost_steps = 1 + np.maximum(rng.normal(0.032, 0.02, (calendar_years, size)), 0.0)
    cost_steps[0] = 1.0
    fees = np.zeros((calendar_years, len(FEES)))
    return Catalogue(
        product_id=(*(f"P{i:05d}" for i in range(size)), *FEES),
        category=np.append(category, np.full(len(FEES), len(CATEGORIES), np.int8)),
        pack=np.append(pack, np.ones(len(FEES))),
        list_price=np.hstack([np.round(base * np.cumprod(steps, axis=0), 2), fees]),
        cost=np.hstack([np.round(base * (1 - margin) * np.cumprod(cost_steps, axis=0), 2), fees]),
        popular=np.stack([_popularity(rng, category) for _ in range(2)]),
    )


def _popularity(rng: np.random.Generator, category: NDArray[np.int8]) -> NDArray[np.int32]:
    """Return (category, DRAWS) product rows, Zipf-like within each category, in a random order of popularity."""
    at = (np.arange(DRAWS) + 0.5) / DRAWS
    tables = np.empty((len(CATEGORIES), DRAWS), np.int32)
    for i in range(len(CATEGORIES)):
        products = rng.permutation(np.flatnonzero(category == i))
        share = np.cumsum(1 / (np.arange(products.size) + 2.0) ** 0.9)
        tables[i] = products[np.searchsorted(share / share[-1], at)]
    return tables
