"""Which products a customer buys: a pool of its own, hashed instead of stored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smartaccounts.orders.simulation.catalogue import CATEGORIES, DRAWS, Catalogue
from smartaccounts.orders.simulation.pace import Pace
from smartaccounts.orders.simulation.population import Floats, Population


@dataclass(frozen=True)
class Block:
    """Some customers in one month: who they are, the row of the first of them, and their pace."""

    people: Population
    first: int
    speed: Pace


def choose(spread: Floats, buyer: NDArray[np.int64], block: Block, catalogue: Catalogue) -> NDArray[np.int32]:
    """Return a product per line from its buyer's pool, the first places of the pool more often than the last.

    `spread` (line,) is uniform in [0, 1), and spread out within an order, so that few products stand in it twice.
    A pool is not stored: place j of customer c is a hash of (c, j), read as category, popularity table and draw.
    """
    people = block.people
    place: Floats = np.floor(spread * np.sqrt(spread) * block.speed.breadth[buyer])
    bits = _hash((buyer + block.first).astype(np.uint64) * np.uint64(1 << 20) + place.astype(np.uint64))
    draw = (bits & np.uint64(DRAWS - 1)).astype(np.int32)
    which = ((bits >> np.uint64(16)) & np.uint64(255)).astype(np.uint8)
    anywhere = ((bits >> np.uint64(24)) & np.uint64(1023)).astype(np.int32) % len(CATEGORIES)
    category = np.where(
        which < 154, people.category[buyer], np.where(which < 218, people.second_category[buyer], anywhere)
    )
    chance = (bits >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
    affinity = np.where(place < people.breadth[buyer], people.affinity[buyer], people.new_affinity[buyer])
    table = (chance < affinity).astype(np.int32)
    rows: NDArray[np.int32] = catalogue.popular.reshape(-1)[(table * len(CATEGORIES) + category) * DRAWS + draw]
    return rows


def _hash(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix 64-bit keys (the finaliser of SplitMix64, Steele, Lea and Flood 2014); overwrites `keys`."""
    keys *= np.uint64(0x9E3779B97F4A7C15)
    keys ^= keys >> np.uint64(30)
    keys *= np.uint64(0xBF58476D1CE4E5B9)
    keys ^= keys >> np.uint64(27)
    keys *= np.uint64(0x94D049BB133111EB)
    keys ^= keys >> np.uint64(31)
    return keys
