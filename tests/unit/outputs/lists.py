"""Growth lists of any size as the outputs get them, some names hostile; `bare` ones know as little as possible."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from smartaccounts.growth_list.facts import Concentration, Expected, Facts, Gone, PastList, ProfitCurve
from smartaccounts.growth_list.keep_small import summary
from smartaccounts.growth_list.words import words
from smartaccounts.outputs.shown import Play, Shown

AS_OF = date(2025, 12, 1)
HOSTILE = (
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    '"><img src=x onerror=alert(3)>',
    '<!-- <script> O\'Neill & "Sons" ]]>',
    "+49 30 Büro",
    "-1+1",
    "@SUM(A1)",
    "\tTab & Söhne",
    "\rReturn",
    "Łódź 株式会社 🎉 \u202eabc",
    "Line\u2028separated\u2029and\x00null\x0bcontrol",
    "{{ 7 * 7 }} {% raw %}",
    "W" * 300,
    "  ",
)
FIRST = ("Amber", "Birch", "Cedar", "Dale", "Elm", "Fern", "Garden", "Harbour", "Iris", "Jasmine", "Kettle", "Linden")
SECOND = ("Bakery", "Books", "Café", "Cycles", "Deli", "Florists", "Gifts", "Hardware", "Interiors", "Kitchens", "Toys")
PLAYS = {
    "develop": Play("Develop", "Visit within two weeks; agree a range and a yearly plan."),
    "fair_terms": Play("Fair terms", "Offer a price step from a minimum order on; no discount."),
    "carefree": Play("Carefree package", "Offer standing orders with one contact and one delivery day."),
    "self_service": Play("Self-service", "Move orders to the web shop; show how on the next call."),
    "automate": Play("Automate", "Set reorder reminders; no visits."),
    "win_back": Play("Win back", "Call and ask what went wrong."),
    "leave": Play("Leave alone", "Answer when they call."),
}
FOR = (
    "Ordered in 9 of the last 12 months; similar accounts in 4.",
    "Spend of the last 91 days is twice that of the 91 days before.",
    "Buys 14 different products; similar accounts 6.",
    "Added 5 new products in the last half-year.",
)
AGAINST = (
    "72% of its spend was one order in March.",
    "Its last order was 40 days ago; it usually orders every 12 days.",
)
FLAGS = (
    "A record quarter is just behind it: of 40 such accounts, 9 went on to grow.",
    "Little history: first order in May.",
)


def rows_of(rows: int, *, listed: int, seed: int = 0, bare: bool = False, markets: int = 3) -> pd.DataFrame:
    """Return the frame of a list: chances fall with the rank, spend and potential are skewed."""
    rng = np.random.default_rng(seed)
    at = np.arange(rows)
    chance = np.clip(0.55 * np.exp(-at / (rows * 0.06)) + 0.004, 0, 1) * rng.uniform(0.85, 1.0, rows)
    chance = np.sort(chance)[::-1]
    spend = np.exp(rng.normal(7.2, 0.9, rows)) * (1 + chance)
    half = spend * rng.uniform(0.35, 0.6, rows)
    middle = half * (0.8 + 2.5 * chance * rng.uniform(0.5, 1.5, rows))
    names = [
        f"{FIRST[a]} {SECOND[b]} {n}"
        for n, (a, b) in enumerate(zip(rng.integers(0, 12, rows), rng.integers(0, 11, rows), strict=True))
    ]
    names = [
        HOSTILE[(i - 5) // 3] if 5 <= i < 5 + 3 * len(HOSTILE) and not (i - 5) % 3 else n for i, n in enumerate(names)
    ]
    top = at < listed
    kept = ~top & (chance < 0.03) & (rng.random(rows) < 0.6)
    cost = np.round(rng.uniform(80, 400, rows), 2)
    status = np.where(at % 4 == 0, "new", np.where(at >= listed - 3, "held", "stayed"))
    told = {
        "name": pd.Series(names, dtype="object"),
        "probability": chance,
        "probability_low": chance * 0.7,
        "probability_high": np.minimum(1, chance * 1.4),
        "potential_low": middle * 0.5,
        "potential": middle,
        "potential_high": middle * 2.2,
        "play": rng.choice(list(PLAYS), rows),
        "flags": pd.Series([list(FLAGS[: i % 3]) if t else None for i, t in enumerate(top)], dtype="object"),
        "gap": middle - half,
        "peers": rng.integers(20, 900, rows).astype(float),
        "peer_low": middle * 0.4,
        "peer_middle": middle * 0.9,
        "peer_high": middle * 2.6,
        "play_rule": "chance",
        "play_why": "Its chance is several times the average.",
        "play_value": middle * 0.2,
        "cost_to_serve": cost,
        "cost_proposed": cost * 0.4,
        "keep_small": kept,
        "status": pd.Series([s if t else None for s, t in zip(status, top, strict=True)], dtype="object"),
        "previous_rank": np.where(top & (status != "new"), 1.0 + (at + 7) % max(listed, 1), np.nan),
        "moved_because": pd.Series(
            ["Spend of the last 91 days fell by a third." if t else None for t in top], dtype="object"
        ),
        "segment": rng.choice(["Retail", "Trade", "Hospitality"], rows),
        "region": rng.choice(["North", "South", "West"], rows),
        "sales_rep": rng.choice(["A. Adler", "B. Brandt", "C. Clement", "D. Dorn"], rows),
    }
    if bare:
        floats = {k for k, v in told.items() if isinstance(v, np.ndarray) and v.dtype.kind == "f"}
        told = {k: np.nan if k in floats else pd.Series([None] * rows, dtype="object") for k in told}
    return pd.DataFrame(
        {
            "rank": at + 1,
            "market": [f"market {m}" for m in rng.integers(1, markets + 1, rows)] if markets > 1 else "",
            "customer_id": [f"{n:06d}" for n in rng.permutation(rows)],
            **{c: told[c] for c in ("name", "probability", "probability_low", "probability_high")},
            "spend_12m": spend,
            "spend_prior_12m": np.where(
                rng.random(rows) < 0.2, np.nan if bare else 0, spend * rng.uniform(0.4, 1.4, rows)
            ),
            **{c: told[c] for c in ("potential_low", "potential", "potential_high", "play")},
            "reasons_for": pd.Series(
                [list(FOR[i % 2 : i % 2 + 3]) if t else None for i, t in enumerate(top)], dtype="object"
            ),
            "reasons_against": pd.Series(
                [list(AGAINST[: 1 + i % 2]) if t else None for i, t in enumerate(top)], dtype="object"
            ),
            "flags": told["flags"],
            "as_of": AS_OF,
            "model_version": "shop-7",
            "listed": top,
            "score": -at.astype(float),
            "spend_h": half,
            "key_spend": np.full(rows, np.quantile(half, 0.93) * 2),
            "small_spend": np.full(rows, np.quantile(half, 0.99)),
            "orders_365d": rng.integers(1, 40, rows).astype(float),
            "recency_days": rng.integers(1, 200, rows).astype(float),
            **{c: v for c, v in told.items() if c in EXTRA},
        }
    )


EXTRA = (
    "gap", "peers", "peer_low", "peer_middle", "peer_high", "play_rule", "play_why", "play_value", "cost_to_serve",
    "cost_proposed", "keep_small", "status", "previous_rank", "moved_because", "segment", "region", "sales_rep",
)  # fmt: skip


def shown_of(
    rows: int = 400, *, listed: int = 50, language: str = "en", bare: bool = False, seed: int = 0, markets: int = 3
) -> Shown:
    """Return a list of so many rows; a bare one has no chances, customers table, costs, potential or list before."""
    frame = rows_of(rows, listed=listed, seed=seed, bare=bare, markets=markets)
    rng = np.random.default_rng(seed + 1)
    start = rng.integers(0, 14, listed)
    blocks = (
        rng.gamma(1.5, 1, (listed, 24)) * np.linspace(0.6, 1.6, 24) * frame["spend_12m"].to_numpy()[:listed, None] / 20
    )
    blocks[rng.random(blocks.shape) < 0.2] = 0
    blocks[np.arange(24) < start[:, None]] = np.nan
    columns = [f"spend_block_{n:02d}" for n in range(24, 0, -1)]
    kept = frame[frame["keep_small"].fillna(False).astype(bool)]
    return Shown(
        frame=frame,
        facts=facts_of(frame, listed=listed, bare=bare),
        words=words(language),
        plays=PLAYS,
        blocks=None if bare else pd.DataFrame(blocks, columns=columns),
        kept=None if bare else summary(kept.assign(spend_365d=kept["spend_12m"])),
    )


def facts_of(frame: pd.DataFrame, *, listed: int, bare: bool) -> Facts:
    """Return figures that fit the frame."""
    fixed: dict[str, Any] = {
        "pipeline": "shop", "as_of": str(AS_OF), "horizon_days": 182, "last_day": "2025-11-28",
        "model_version": "shop-7", "customers": len(frame) * 2, "active": int(len(frame) * 1.2),
        "eligible": len(frame), "listed": listed,
    }  # fmt: skip
    if bare:
        return Facts(
            **fixed, ranker="decay_180", verdict="", better=None, notes=(), warnings=(), base_rate=None, expected=None,
            expected_by_spend=None, expected_random=None,
        )  # fmt: skip
    chance = frame["probability"].to_numpy()
    mean = float(chance[:listed].sum())
    by_spend = float(chance[np.argsort(-frame["spend_12m"].to_numpy(), kind="stable")][:listed].sum())
    lengths = tuple(range(0, min(len(frame), 5 * listed) + 1, max(1, listed // 10)))
    profit = tuple(float(chance[:n].sum() * 2000 - n * 350) for n in lengths)
    spread = [300 + 40 * n**0.8 for n in lengths]
    return Facts(
        **fixed,
        ranker="growth",
        verdict="On 6 past dates the growth model found 61 accounts that grew, the best ranking by past spend 34.",
        better=True,
        notes=("Trained on 24 monthly dates up to 1 June 2025.",),
        warnings=("Markets with fewer than 100 active customers are not on the list: 'market 4'.",),
        base_rate=0.017,
        expected=Expected(mean, int(mean * 0.8), int(mean * 1.2) + 1),
        expected_by_spend=by_spend,
        expected_random=float(chance.mean() * listed),
        past=tuple(
            PastList(f"2025-0{m}-01", listed, e, low, high, came, by, 0.9)
            for m, e, low, high, came, by in (
                (1, 10.2, 7, 13, 11, 6),
                (2, 11.0, 8, 14, 9, 7),
                (3, 9.7, 7, 12, 14, 5),
                (4, 10.9, 8, 14, 10, 6),
                (5, 11.8, 9, 15, 12, 4),
            )
        ),
        today=Concentration(0.11, 0.29, 0.41, 0.03),
        delivered=Concentration(0.10, 0.27, 0.38, 0.026),
        curve=ProfitCurve(
            lengths,
            profit,
            tuple(p - s for p, s in zip(profit, spread, strict=True)),
            tuple(p + s for p, s in zip(profit, spread, strict=True)),
            best=int(lengths[int(np.argmax(profit))]),
            break_even=int((chance * 2000 >= 350).sum()),
        ),
        previous="2025-11-01",
        gone=tuple(
            Gone("market 1", f"9{n:05d}", HOSTILE[n], 10 + n, "Its spend fell below that of others.") for n in range(4)
        ),
    )
