"""Which accounts bear the name or address of a key account of their market: perhaps branches of it."""

from __future__ import annotations

import re
import unicodedata

import pandas as pd

COMMON = 20
"""A name or address that so many customers bear is no sign of a branch ("unknown", "cash sale", a shopping centre)."""

LEGAL_FORMS = frozenset({
    "ab", "ag", "aps", "bv", "cie", "co", "company", "corp", "corporation", "eg", "ek", "ev", "gbr", "gmbh", "inc",
    "incorporated", "kg", "kgaa", "limited", "llc", "llp", "lp", "ltd", "mbh", "nv", "ohg", "oy", "plc", "sa", "sarl",
    "sas", "se", "sl", "spa", "srl", "ug",
})  # fmt: skip
"""Words of a name that do not tell firms apart."""

JOINING = frozenset({"and", "et", "the", "und"})


def key_account_of(rows: pd.DataFrame, everybody: pd.DataFrame, attribute: pd.Series) -> list[str | None]:
    """Return per row the customer_id of a key account of its market with the same attribute; None where there is none.

    everybody: all rows of the snapshot, of which those at or above K are key accounts. attribute: texts (name, address)
    by (market, customer_id); compared without case, accents, punctuation and legal forms.
    """
    texts = attribute.map(_plain)
    texts = texts[texts != ""]
    texts = texts[texts.groupby([texts.index.get_level_values(0), texts]).transform("size") < COMMON]
    key = everybody[everybody["spend_h"] >= everybody["key_spend"]]
    of_key: dict[tuple[str, str], str] = {}
    for market, customer, text in _with(texts, key):
        if text:
            of_key.setdefault((market, text), customer)
    found = ((customer, of_key.get((market, text))) for market, customer, text in _with(texts, rows))
    return [other if other != customer else None for customer, other in found]


def _with(texts: pd.Series, rows: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return market, customer and text of rows; '' where unknown."""
    keys = pd.MultiIndex.from_frame(rows[["market", "customer_id"]])
    return list(zip(rows["market"], rows["customer_id"], texts.reindex(keys).fillna(""), strict=True))


def _plain(text: object) -> str:
    """Return a name or address without case, accents, punctuation and legal forms.

    >>> _plain("Müller & Söhne GmbH & Co. KG"), _plain("MULLER, Sohne"), _plain("Fábrica S.A.")
    ('muller sohne', 'muller sohne', 'fabrica')
    """
    if not isinstance(text, str):
        return ""
    folded = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(c for c in folded if not unicodedata.combining(c))
    joined = re.sub(r"(?<=\b\w)\.(?=\w\b)", "", letters)
    return " ".join(w for w in re.findall(r"\w+", joined) if w not in LEGAL_FORMS | JOINING)
