"""Every family of features, and the catalogue that they make."""

from __future__ import annotations

from smartaccounts.features.assortment import ASSORTMENT, CATEGORIES
from smartaccounts.features.catalogue import Family, Feature
from smartaccounts.features.peers import PEERS
from smartaccounts.features.price import MARGIN, POSITION
from smartaccounts.features.rhythm import GAPS, RHYTHM
from smartaccounts.features.season import SEASON
from smartaccounts.features.service import SERVICE
from smartaccounts.features.spend import SPEND

FAMILIES: tuple[Family, ...] = (SPEND, SEASON, RHYTHM, GAPS, ASSORTMENT, CATEGORIES, POSITION, MARGIN, SERVICE, PEERS)
CATALOGUE: dict[str, Feature] = {f.name: f for family in FAMILIES for f in family.features}


def absent_features(provided: frozenset[str]) -> tuple[str, ...]:
    """Return the features that a source with these contract columns cannot have."""
    return tuple(f.name for f in CATALOGUE.values() if not provided.issuperset(f.needs))
