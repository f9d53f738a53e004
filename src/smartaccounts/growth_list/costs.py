"""What it costs to serve and to work an account, and what that brings, by the assumptions of the pipeline file."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from smartaccounts.config import Costs, Play, Proposal
from smartaccounts.growth_list.words import Words

PROPOSED: Mapping[Play, Proposal] = {
    "develop": Proposal(effort=1),
    "fair_terms": Proposal(orders=0.7, returns=0.5),  # a minimum order merges small ones
    "carefree": Proposal(orders=0.7, personal=0.5),  # fixed delivery days
    "self_service": Proposal(personal=0.2, customer=0.5),
    "automate": Proposal(personal=0.1, lines=0.5),
    "win_back": Proposal(effort=0.25),  # a call or two
    "leave": Proposal(personal=0.2, customer=0),
}
"""What each play makes of the cost to serve where `growth_list.costs.proposed` says nothing else: assumptions."""

REACHED = 1.25
"""What an account that became a key account spent in the horizon, over K: the median was 1.16 to 1.29 on two real and
two simulated histories, whatever it spent before; the mean 1.35 to 1.49 (`python -m benchmarks.profit` prints both)."""

NOW = Proposal()

SERVED = ["orders_365d", "share_digital_365d", "lines_365d", "return_lines_365d"]
"""What the cost to serve is reckoned from."""

MONEY = ["cost_to_serve", "cost_proposed", "play_value"]


def money(accounts: pd.DataFrame, play: pd.Series, costs: Costs | None) -> pd.DataFrame:
    """Return MONEY, one row per account, in currency; null throughout without cost assumptions.

    cost_to_serve: of the last 12 months, as they were. cost_proposed: of the same orders as the play would have them
    served, its effort included. play_value: contribution of 12 months under the play less cost_proposed, if the
    account goes on as in the last 12 months: spend_365d x margin; where the play is develop also chance x gain x
    margin, the gain being that of one horizon (`gain`; an unknown chance counts as none). Higher prices, surcharges
    and regained customers are not counted on. Null where the margin is unknown.

    `accounts` are rows of a snapshot with probability and potential beside.
    """
    if costs is None:
        return pd.DataFrame(float("nan"), index=accounts.index, columns=MONEY)
    proposed = pd.Series(float("nan"), index=accounts.index)
    served = accounts[SERVED]
    for name in PROPOSED:
        rows = play == name
        if rows.any():
            proposed[rows] = cost_to_serve(served[rows], costs, proposal(name, costs))
    margin = margin_share(accounts, costs)
    grown = (accounts["probability"].fillna(0.0) * gain(accounts)).where(play == "develop", 0.0)
    value = margin * (accounts["spend_365d"] + grown) - proposed
    return pd.DataFrame(dict(zip(MONEY, (cost_to_serve(accounts, costs), proposed, value), strict=True)))


def cost_to_serve(accounts: pd.DataFrame, costs: Costs, served: Proposal = NOW) -> pd.Series:
    """Return what the orders of the last 12 months cost, as they were or as `served` would have them.

    orders x (per_order + share by phone or field x per_personal_order) + lines x per_line + returned lines x
    per_return + per_customer + effort x worked_account, each times its factor in `served` (1 where it says none).
    """
    personal = (1 - accounts["share_digital_365d"]).fillna(costs.personal_share) * _factor(served.personal)
    per_order = costs.per_order + personal * costs.per_personal_order
    return (
        accounts["orders_365d"] * _factor(served.orders) * per_order
        + accounts["lines_365d"] * _factor(served.lines) * costs.per_line
        + accounts["return_lines_365d"] * _factor(served.returns) * costs.per_return
        + costs.per_customer * _factor(served.customer)
        + (served.effort or 0.0) * (costs.worked_account or 0.0)
    )


def cheapest(accounts: pd.DataFrame, costs: Costs) -> pd.Series:
    """Return the lowest cost to serve that any play proposes, without effort."""
    without = [proposal(name, costs).model_copy(update={"effort": 0.0}) for name in PROPOSED]
    return pd.concat([cost_to_serve(accounts, costs, p) for p in without], axis=1).min(axis=1)


def proposal(play: Play, costs: Costs) -> Proposal:
    """Return what a play proposes: PROPOSED, but for what the pipeline file says."""
    said = costs.proposed.get(play, NOW)
    return PROPOSED[play].model_copy(update=said.model_dump(exclude_none=True))


def margin_share(accounts: pd.DataFrame, costs: Costs | None) -> pd.Series:
    """Return the margin as a share of net spend: of the cost columns, else as assumed; null where neither says."""
    known = accounts["margin_share_365d"]
    return known if costs is None or costs.margin_share is None else known.fillna(costs.margin_share)


def gain(accounts: pd.DataFrame) -> pd.Series:
    """Return what an account spends more in a horizon if it becomes a key account.

    Up to its potential, REACHED x K at least: its potential is what it spends whether it grows or not.
    """
    reached = pd.concat([REACHED * accounts["key_spend"], accounts["potential"]], axis=1).max(axis=1)
    return reached - accounts["spend_h"]


def assumptions(costs: Costs | None, words: Words) -> list[str]:
    """Return in words what the list's money rests on; nothing without assumptions."""
    if costs is None:
        return []
    given = costs.model_dump(exclude={"proposed"}, exclude_none=True)
    said = [words.say(f"plays.assumed.{name}", value=value) for name, value in given.items() if value]
    for play in PROPOSED:
        factors = proposal(play, costs).model_dump(exclude_none=True)
        effort, name = factors.pop("effort", None), words.say(f"plays.name.{play}")
        parts = ", ".join(words.say(f"plays.assumed.{what}", value=factor) for what, factor in factors.items())
        if parts:
            said.append(words.say("plays.assumed.proposed", play=name, parts=parts))
        if effort and costs.worked_account is not None:
            said.append(words.say("plays.assumed.effort", play=name, value=effort))
    return said


def _factor(said: float | None) -> float:
    return 1.0 if said is None else said
