"""One growth list: from order lines and a model in service to files."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from smartaccounts.bundle import Bundle
from smartaccounts.config import Pipeline
from smartaccounts.engine.memory import memory_bytes
from smartaccounts.errors import HistoryError, ModelError, PipelineError
from smartaccounts.evaluation.walk import nobody_eligible
from smartaccounts.features.extra import Extra, declared, extra_features
from smartaccounts.features.snapshot import Snapshot, latest
from smartaccounts.growth_list.facts import Facts
from smartaccounts.growth_list.plays import check_rules, rules_of
from smartaccounts.growth_list.previous import LIST, RUN, Found, find_previous, list_digest, read_previous
from smartaccounts.growth_list.ranked import GrowthList, growth_list
from smartaccounts.growth_list.ranking import rank
from smartaccounts.growth_list.words import Words, words
from smartaccounts.orders.contract import Lines
from smartaccounts.orders.customers import Attributes, customer_attributes
from smartaccounts.orders.digest import digest
from smartaccounts.orders.source import where
from smartaccounts.outputs.database import Table, check_table, write_table
from smartaccounts.outputs.locked import WAIT_SECONDS, locked
from smartaccounts.outputs.page import write_page
from smartaccounts.outputs.staged import staged
from smartaccounts.outputs.tables import write_csv, write_json, write_parquet
from smartaccounts.outputs.workbook import write_workbook
from smartaccounts.panel import panel
from smartaccounts.rankers.plain import PLAIN
from smartaccounts.target import outcome
from smartaccounts.workflow.extra import checked_extra
from smartaccounts.workflow.facts import Circumstances, facts, shown_list
from smartaccounts.workflow.lines import order_lines

STALE_DAYS = 92
"""A source whose last known line is so much older than as_of is reported: the list rests on old news."""


@dataclass(frozen=True)
class Predicted:
    """The list, what stands on top of it, and what run.json says."""

    growth_list: GrowthList
    facts: Facts
    run: dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What to write beside the files of a list, and how.

    previous: the folder of the list before, None to look beside `out`. table: a table of a database. wait: so many
    seconds for another run that writes into the same folder. memory: as in `engine.memory.memory_bytes`, for lines,
    features, numbers and texts of this process; some 0.4 KB for each account of the list, and Spark, come on top.
    """

    previous: Path | None = None
    table: Table | None = None
    wait: float = WAIT_SECONDS
    memory: str | None = None


def predict(
    pipeline: Pipeline,
    as_of: date,
    bundle: Bundle,
    out: Path,
    *,
    wanted: Wanted | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> Predicted:
    """Write growth_list.{parquet,csv,xlsx,html} and run.json into `out`; nobody else writes there meanwhile.

    InputError as in `read_in_place`; ModelError where the model is of another pipeline or target, was trained with
    knowledge from after as_of, or needs a column that the data lack; HistoryError where as_of is before the data, has
    too little history, or nobody is eligible; PipelineError where another run does not end in time, the previous list
    that was named is none, the memory is no size, or the table cannot be written. Nothing is written then.
    """
    wanted = wanted or Wanted()
    memory_bytes(wanted.memory)  # before anything is read
    checked_extra(pipeline)
    check_model(bundle, pipeline, as_of)
    with locked(out, wait=wanted.wait, waiting=lambda: step("waiting for another run that writes there")):
        if wanted.table is not None:
            check_table(wanted.table)
        return _predict(pipeline, as_of, bundle, out, wanted=wanted, step=step)


def _predict(
    pipeline: Pipeline, as_of: date, bundle: Bundle, out: Path, *, wanted: Wanted, step: Callable[[str], None]
) -> Predicted:
    watch = _Watch()
    before = _previous(pipeline, as_of, out, wanted)
    check_rules(rules_of(pipeline), tuple(pipeline.features.extra))
    with order_lines(pipeline, once=True, memory=wanted.memory) as lines:
        engine = lines.engine
        check_data(bundle, lines, pipeline, as_of)
        step("order lines read")
        watch.lap("read")
        earlier = as_of - timedelta(days=pipeline.target.horizon_days)
        judged, now = latest(lines, earlier, as_of, pipeline.target, extra=extra_features(pipeline))
        watch.lap("features")
        step("features computed")
        last = lines.last_known(as_of)
        if not now.frame["eligible"].any():
            raise nobody_eligible(now, [as_of])
        attributes = customer_attributes(pipeline, engine, now.frame)
        with ThreadPoolExecutor(1) as beside:  # scores take all cores, the rest of a list one
            known = beside.submit(known_base_rate, lines, judged, earlier, known_before=as_of)
            digested = beside.submit(digest, lines, known_before=as_of)
            ranking = rank(now, bundle, room=engine.room)
            texts = None if attributes is None else attributes.texts
            made = growth_list(ranking, pipeline, attributes=texts, previous=before.previous, room=engine.room)
            del ranking  # the largest table
        base_rate, data = known.result(), digested.result()
    watch.lap("scores and reasons")
    said = words(pipeline.growth_list.language)
    warnings = (
        *_warnings(last, as_of, now, said),
        *_strangers(attributes, said),
        *(said.say("warnings.passed_over", folder=name) for name in before.passed_over),
    )
    earlier_list = None if before.previous is None else before.previous.as_of
    told = facts(
        made, now, bundle, pipeline, circumstances=Circumstances(base_rate, last, warnings, earlier_list)
    )  # fmt: skip
    shown = shown_list(made, told, pipeline)
    run: dict[str, Any] = {
        **told.as_json(),
        "model_as_of": bundle.card.as_of,
        "features_absent": list(now.absent),
        "rows": asdict(replace(lines.intake, rejected=()))
        | {"rejected": {r.reason: r.rows for r in lines.intake.rejected}},
        "data_digest": data,
        "previous": None if before.previous is None else before.previous.as_json(),
    }
    with staged(out) as folder:
        with ThreadPoolExecutor(1) as beside:  # the pages are Python's: they leave a core to the rest
            tables = beside.submit(_write_tables, made.frame, folder)
            write_workbook(shown, folder / "growth_list.xlsx")
            watch.lap("workbook")
            write_page(shown, folder / "growth_list.html")
            watch.lap("page")
            tables.result()
        run["list_digest"] = list_digest((folder / LIST).read_bytes())
        watch.lap("rest of the tables")
        write_json(run | {"seconds": watch.laps}, folder / RUN)
        if wanted.table is not None:  # the last thing that can fail: the files are there only where the rows are
            write_table(made.frame, wanted.table, pipeline=pipeline.name, as_of=as_of)
    step("list written")
    return Predicted(made, told, run)


def _write_tables(frame: pd.DataFrame, folder: Path) -> None:
    write_parquet(frame, folder / LIST)
    write_csv(frame, folder / "growth_list.csv")


def _previous(pipeline: Pipeline, as_of: date, out: Path, wanted: Wanted) -> Found:
    if wanted.previous is None:
        return find_previous(out, pipeline.name, as_of, horizon_days=pipeline.target.horizon_days)
    if wanted.previous.resolve() == out.resolve():
        raise PipelineError(
            f"Expected the list before in a folder of its own, got --out itself ({out}) in --previous.",
            hint="Give each as_of its own --out: the list before is taken from the folders beside it.",
        )
    days = pipeline.target.horizon_days
    return Found(read_previous(wanted.previous, pipeline.name, as_of, horizon_days=days))


def check_model(bundle: Bundle, pipeline: Pipeline, as_of: date) -> None:
    """ModelError where the model is not of the pipeline, its target and features, or a date before as_of."""
    card = bundle.card
    if card.pipeline != pipeline.name:
        raise ModelError(
            f"Expected a model of the pipeline {pipeline.name!r}, got one of {card.pipeline!r} in {bundle.version}.",
            hint="Name a model of this pipeline in --model, or train one.",
        )
    if card.target != pipeline.target:
        ours, theirs = pipeline.target.model_dump(), card.target.model_dump()
        other = ", ".join(f"{k} {theirs[k]} (pipeline: {ours[k]})" for k in ours if ours[k] != theirs[k])
        raise ModelError(
            f"Expected a model for the pipeline's target, got one for {other} in {bundle.version}.",
            hint="Train again after changing the target.",
        )
    if card.ranker not in PLAIN and (other := _differing(card.extra, declared(pipeline))):
        raise ModelError(
            f"Expected a model trained with the pipeline's features.extra, got one that differs in {other} in "
            f"{bundle.version}.",
            hint="Train again after changing features.extra, or name a model in --model that was trained with it.",
        )
    if date.fromisoformat(card.as_of) > as_of:
        raise ModelError(
            f"Expected a model trained for {as_of} or earlier, got one trained for {card.as_of} in {bundle.version}: "
            "it has seen what happened after that date.",
            hint="Use a later --as-of; to see how past lists turned out, use smartaccounts backtest.",
        )


def _differing(theirs: Sequence[Extra], ours: Sequence[Extra]) -> str:
    """Say which features differ between a model and its pipeline, '' where none does; their words may."""
    there, here = {e.name: e.computed for e in theirs}, {e.name: e.computed for e in ours}
    said = [
        f"{name} (unknown to the model)" if name not in there
        else f"{name} (gone from the pipeline)" if name not in here
        else f"{name} (SQL, window, unit or direction)"
        for name in sorted({*there, *here})
        if there.get(name) != here.get(name)
    ]  # fmt: skip
    return ", ".join(said)


def check_data(bundle: Bundle, lines: Lines, pipeline: Pipeline, as_of: date) -> None:
    """ModelError where a column is lacking that the model needs, HistoryError where the history is too short."""
    lacking = sorted(set(bundle.card.needs) - lines.provided)
    if lacking:
        raise ModelError(
            f"Expected the columns that the model was trained with, got none for {', '.join(lacking)} in "
            f"{where(pipeline)}.",
            hint=f"Map {', '.join(lacking)} under columns, or train a model without.",
        )
    first, horizon = lines.first_known(as_of), pipeline.target.horizon_days
    if (as_of - first).days < horizon:
        raise HistoryError(
            f"Expected at least {horizon} days of history before as_of, got {max(0, (as_of - first).days)} "
            f"({as_of}; the data begin on {first}).",
            hint=f"The first possible as_of is {first + timedelta(days=horizon)}.",
        )


def known_base_rate(lines: Lines, judged: Snapshot, before: date, *, known_before: date) -> float | None:
    """Return the share of the eligible of one horizon ago that became key accounts; None where nobody was eligible."""
    found = outcome(lines, [before], horizon_days=judged.target.horizon_days, known_before=known_before)
    asked = judged.eligible()
    enough = found[found["spend_ahead"] >= asked.column("key_spend").min()]  # few: whoever spent less is none
    return panel(asked, enough, [before]).base_rate


def _warnings(last: date, as_of: date, now: Snapshot, words: Words) -> list[str]:
    said = []
    if (as_of - last).days > STALE_DAYS:
        said.append(words.say("warnings.stale", last=last, days=(as_of - last).days))
    small = now.frame.loc[now.frame["key_spend"].isna(), "market"].unique()
    if len(small):
        named = ", ".join(repr(m) for m in small[:5]) + (", …" if len(small) > 5 else "")
        said.append(words.say("warnings.small_markets", least=now.target.min_active, number=len(small), markets=named))
    return said


def _strangers(attributes: Attributes | None, words: Words) -> list[str]:
    """Say where most customers of the order lines are not in the customers table: markets or keys may differ."""
    if attributes is not None and attributes.known < 0.5:
        return [words.say("warnings.strangers", known=attributes.known)]
    return []


class _Watch:
    """Seconds per step, for run.json."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name] = round(now - self._last, 3)
        self._last = now
