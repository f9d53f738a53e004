"""Which accounts bear the name or address of a key account of their market: perhaps branches of it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SHARED = ("name", "address")
"""What branches of one firm may have in common."""

COMMON = 20
"""A name or address that so many customers of a market bear is no sign of a branch ("unknown", "cash sale", a shopping
centre). Customers of the snapshot count, not others that the customers table has."""

LEGAL_FORMS = frozenset({
    "ab", "ag", "aps", "bv", "cie", "co", "company", "corp", "corporation", "eg", "ek", "ev", "gbr", "gmbh", "inc",
    "incorporated", "kg", "kgaa", "limited", "llc", "llp", "lp", "ltd", "mbh", "nv", "ohg", "oy", "plc", "sa", "sarl",
    "sas", "se", "sl", "spa", "srl", "ug",
})  # fmt: skip
"""Words of a name that do not tell firms apart."""

JOINING = frozenset({"and", "et", "the", "und"})

_LEFT_OUT = LEGAL_FORMS | JOINING


def branches(everybody: pd.DataFrame, attributes: pd.DataFrame, at: NDArray[np.intp]) -> dict[str, list[str | None]]:
    """Return by SHARED what `key_account_of` finds, for those that the attributes have."""
    return {what: key_account_of(everybody, attributes[what], at) for what in SHARED if what in attributes}


def key_account_of(everybody: pd.DataFrame, texts: pd.Series, at: NDArray[np.intp]) -> list[str | None]:
    """Return for the rows at some places a key account of their market with the same text, its customer_id; else None.

    everybody: all rows of the snapshot, of which those at or above K are key accounts. texts: a name or address for
    each of them, null where unknown; compared without case, accents, punctuation and legal forms.
    """

    def those(places: NDArray[np.intp]) -> Iterator[tuple[str, tuple[str, str]]]:
        rows = everybody[["market", "customer_id"]].iloc[places]
        for market, customer, text in zip(rows["market"], rows["customer_id"], texts.iloc[places], strict=True):
            yield customer, (market, _plain(text))

    of_key: dict[tuple[str, str], str] = {}
    for customer, said in those(np.flatnonzero(everybody["spend_h"] >= everybody["key_spend"])):
        if said[1]:
            of_key.setdefault(said, customer)
    found = [(said, of_key.get(said, customer), customer) for customer, said in those(at)]
    shared = {said for said, other, customer in found if other != customer}
    common = _common(zip(everybody["market"], texts, strict=True), shared)
    return [other if other != customer and said not in common else None for said, other, customer in found]


def _common(texts: Iterable[tuple[str, object]], asked: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return which of those that are asked for COMMON or more of the texts say in their market."""
    if not asked:
        return set()
    counts = Counter(said for market, text in texts if (said := (market, _plain(text))) in asked)
    return {said for said, count in counts.items() if count >= COMMON}


def _plain(text: object) -> str:
    """Return a name or address without case, accents, punctuation and legal forms.

    >>> _plain("Müller & Söhne GmbH & Co. KG"), _plain("MULLER, Sohne"), _plain("Fábrica S.A.")
    ('muller sohne', 'muller sohne', 'fabrica')
    """
    if not isinstance(text, str):
        return ""
    letters = text.casefold()
    if not letters.isascii():
        letters = "".join(c for c in unicodedata.normalize("NFKD", letters) if not unicodedata.combining(c))
    joined = re.sub(r"(?<=\b\w)\.(?=\w\b)", "", letters) if "." in letters else letters
    return " ".join(w for w in re.findall(r"\w+", joined) if w not in _LEFT_OUT)
