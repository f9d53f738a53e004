"""What to do with each account: the first rule that fires, of a table in the pipeline file or of the default one."""

from __future__ import annotations

import string
from collections.abc import Hashable, Sequence
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml
from numpy.typing import NDArray

from smartaccounts.config import Costs, Pipeline, PlayRule
from smartaccounts.engine.duckdb import Engine, first_line, quoted, reading
from smartaccounts.engine.memory import IN_MEMORY, Room, release
from smartaccounts.errors import InputError, PipelineError
from smartaccounts.growth_list.columns import chosen
from smartaccounts.growth_list.rule_figures import KNOWN, figure
from smartaccounts.growth_list.words import Words
from smartaccounts.orders.keep import columns_of

EVERYBODY = "TRUE"
ROW = "_row"
"""Where an account stands: no figure and no feature of a pipeline file is called so."""
ROWS = 1 << 17
"""Accounts that conditions are asked of at once."""


@cache
def default_rules() -> tuple[PlayRule, ...]:
    """Return the rules of default_plays.yaml, from which a pipeline's own can be copied."""
    content = (files("smartaccounts.growth_list") / "default_plays.yaml").read_text(encoding="utf-8")
    return tuple(PlayRule.model_validate(rule) for rule in yaml.safe_load(content))


def rules_of(pipeline: Pipeline) -> tuple[PlayRule, ...]:
    """Return the pipeline's rules, else the default ones."""
    return default_rules() if pipeline.growth_list.plays is None else pipeline.growth_list.plays


@cache
def check_rules(rules: tuple[PlayRule, ...], own: tuple[str, ...] = ()) -> tuple[tuple[str, ...], ...]:
    """Return the figures that each rule reads; PipelineError where a condition is no condition over known figures.

    own: features of the pipeline file, which are known too.
    """
    known = KNOWN | dict.fromkeys(own, "DOUBLE")
    with Engine() as engine:
        return tuple(
            columns_of(rule.when or EVERYBODY, columns=known, key=_place(i), engine=engine, of="the account's figures")
            for i, rule in enumerate(rules)
        )


def plays(
    accounts: pd.DataFrame,
    rules: Sequence[PlayRule],
    *,
    costs: Costs | None = None,
    own: Sequence[str] = (),
    room: Room = IN_MEMORY,
) -> pd.DataFrame:
    """Return play and play_rule (the name of the rule that fired, else its condition), categories, one row per account.

    `accounts` are the eligible rows of one snapshot, all of them (some figures compare with the others of the market),
    with probability, potential and potential_high beside; null where unknown. A condition that needs an unknown figure
    does not fire. The last rule takes all that are left. The figures lie in the room. PipelineError as `check_rules`,
    or where a condition fails on the figures of an account.
    """
    read = check_rules(tuple(rules), tuple(own))
    names = sorted({name for of_rule in read for name in of_rule})
    figures = room.table((len(names), len(accounts)))
    for name, values in zip(names, figures, strict=True):
        values[:] = figure(name, accounts, costs)
        release(figures)
    with Engine() as engine:
        fired = np.full(len(accounts), len(rules) - 1)
        for first in range(0, len(accounts), ROWS):
            some = figures[:, first : first + ROWS]
            values = {name: pa.array(of, from_pandas=True) for name, of in zip(names, some, strict=True)}
            at = np.arange(first, first + some.shape[1])
            engine.load("account", pa.table({ROW: at, **values}))
            for i in reversed(range(len(rules) - 1)):
                fired[_where(rules[i], _place(i), engine)] = i
            release(figures)
    given, fired_by = chosen([rule.play for rule in rules], fired), chosen([rule_name(rule) for rule in rules], fired)
    return pd.DataFrame({"play": given, "play_rule": fired_by}, index=accounts.index)


def rule_name(rule: PlayRule) -> str:
    """Return what the list calls a rule: its name, else its condition."""
    return rule.name or rule.when or EVERYBODY


def why(
    accounts: pd.DataFrame,
    at: NDArray[np.intp],
    rules: Sequence[PlayRule],
    *,
    words: Words,
    costs: Costs | None = None,
) -> list[str]:
    """Return for the accounts at some places in words, with their own figures, why they got their play.

    `accounts` are those of `plays`, with play_rule beside. A rule that is not one of the default ones, word for word,
    speaks for itself.
    """
    fired = accounts["play_rule"].iloc[at].astype("object")
    known = {rule_name(r): r for r in default_rules()}
    own = {rule_name(r): r for r in rules}
    texts: dict[Hashable, str] = {}
    for rule, same in fired.groupby(fired):
        key = f"plays.why.{rule}"
        if own[rule] != known.get(rule) or key not in words.messages:
            said = "plays.by_last_rule" if rule == EVERYBODY else "plays.by_rule"
            texts |= dict.fromkeys(same.index, words.say(said, rule=rule))
            continue
        named = [name for _, name, _, _ in string.Formatter().parse(words.messages[key]) if name]
        values = {name: figure(name, accounts, costs)[same.index] for name in named}
        texts |= {i: words.say(key, **{n: v[i] for n, v in values.items()}) for i in same.index}
    return [texts[i] for i in fired.index]


def _where(rule: PlayRule, place: str, engine: Engine) -> list[int]:
    """Return the places of the accounts for which a rule's condition is true."""
    # the newline ends a comment in the condition
    sql = f"SELECT {quoted(ROW)} FROM account WHERE (\n{rule.when}\n)"
    try:
        with reading(first_line):
            return [row[0] for row in engine.rows(sql)]
    except InputError as error:
        raise PipelineError(
            f"Expected a condition that holds or not for every account, got {error.message} in {place}.",
            hint="Guard it, for example with TRY_CAST or nullif.",
        ) from None


def _place(index: int) -> str:
    return f"growth_list.plays[{index}].when"
