"""Train a pipeline: judge the recipe on past dates, fit it on all complete dates, log, register, put in service."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import version
from typing import Any

from smartaccounts.bundle import Bundle, Card, columns_of, extra_of
from smartaccounts.config import Model, Pipeline
from smartaccounts.errors import HistoryError
from smartaccounts.evaluation.backtest import Backtest, measures, walked
from smartaccounts.evaluation.draws import draws_file
from smartaccounts.evaluation.gate import Verdict, judge
from smartaccounts.evaluation.intervals import Interval
from smartaccounts.evaluation.lending import lenders
from smartaccounts.evaluation.served import past_dates, plain_fit
from smartaccounts.evaluation.summary import as_json
from smartaccounts.evaluation.walk import Walk
from smartaccounts.features import dictionary
from smartaccounts.features.catalogue import Feature
from smartaccounts.features.extra import Extra, declared
from smartaccounts.features.snapshot import CATALOGUE
from smartaccounts.growth_list.words import words
from smartaccounts.html import section, sentences
from smartaccounts.orders.check import Problem, Quality
from smartaccounts.orders.contract import Lines
from smartaccounts.orders.digest import digest
from smartaccounts.outputs.drawings import drawings
from smartaccounts.rankers.base import Fitted, Note
from smartaccounts.rankers.growth import Growth
from smartaccounts.rankers.plain import FALLBACK, PLAIN
from smartaccounts.rankers.pool import pooled
from smartaccounts.rankers.records import fit_records
from smartaccounts.tracking.content import Training
from smartaccounts.workflow.beside import past_lists, reach
from smartaccounts.workflow.check import checked
from smartaccounts.workflow.extra import checked_extra
from smartaccounts.workflow.lines import order_lines, session
from smartaccounts.workflow.rankers import CHAMPION, judged_rankers

LIBRARIES = ("smartaccounts", "lightgbm", "numpy", "pandas", "scikit-learn", "duckdb")


@dataclass(frozen=True)
class Trained:
    """What a training made: the model, the plain ranking to serve where the model is not better, and the evidence.

    done: what was logged and put in service, '' where nothing was.
    """

    model: Bundle | None
    plain: Bundle
    result: Backtest | None
    verdict: Verdict
    quality: Quality
    content: Training
    plain_metrics: Mapping[str, Interval]
    done: str = ""

    def __repr__(self) -> str:
        """Return one line: pipeline, date, what the evidence serves."""
        card = self.serves.card
        return f"Trained({card.pipeline} for {card.as_of}: {card.ranker} serves. {self.verdict.sentence})"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: what serves and why, and the past dates that judged it."""
        card = self.serves.card
        data = [f"Data: {p.text}" for p in self.problems if p.severity != "tells"]
        said = [self.verdict.sentence, f"The evidence serves: {card.ranker}.", self.done, *data]
        past = "" if self.result is None else self.result._repr_html_()
        title = f"Training of {card.pipeline} for {card.as_of}"
        return section(
            title, sentences(said), past, sentences(map(words("en").note, self.serves.card.notes), small=True)
        )

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return what the quality report says of the data."""
        return self.quality.problems

    @property
    def serves(self) -> Bundle:
        """Return what the evidence puts in service: the model where it is better, else the plain ranking."""
        return self.model if self.model is not None and self.verdict.better else self.plain


def fit(
    pipeline: Pipeline,
    as_of: date,
    *,
    champion: Model | None = None,
    memory: str | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> Trained:
    """Train for `as_of` from what was known before it; nothing is written.

    The recipe is judged on past dates; what comes of it is its refit on all dates whose horizon is over. `champion`:
    the settings in service where they are others; they are judged beside. memory: as in `order_lines`.

    Where the growth model cannot be trained, only the plain ranking comes of it, and the verdict says why.
    HistoryError where as_of has less history than the horizon.
    """
    checked_extra(pipeline)
    with lenders(pipeline, memory=memory) as others, _checked_lines(pipeline, as_of, memory) as (quality, lines):
        step("order lines read and checked")
        dates = past_dates(lines, as_of, pipeline, lenders=others)
        walk = Walk(lines, dates, pipeline, others, taught=[as_of])
        history_days = walk.history_days(as_of)
        data = digest(lines, known_before=as_of)
        lent = {f"order_lines of {a.name}": digest(a.lines, known_before=as_of) for a in others}
        provided = lines.provided
    result, reason = None, ""
    if dates:
        step(f"features at {len(walk.dates)} dates")
        asked = (*judged_rankers(pipeline, champion), *PLAIN.values())
        result = walked(walk, dates, asked, known_before=as_of, step=step)
        reason = "; ".join(dict.fromkeys(why for t in result.tested for why in t.left_out.values()))
    learned = walk.learned(walk.fold(as_of))
    del walk
    beside = None if champion is None else CHAMPION
    verdict = judge(result, "growth", history_days=history_days, champion=beside, reason=reason)
    model = None
    plain_name = verdict.best_plain if verdict.best_plain and verdict.better is not None else FALLBACK

    potential, peers, told = reach(learned, pipeline.model)
    records = fit_records(learned)
    plainly = plain_fit(plain_name, learned)
    days = tuple(str(d.date()) for d in learned.snapshot.column("as_of").unique())
    extra = learned.snapshot.extra
    pool = pooled(learned, pipeline.model.borrow)
    del learned  # its training rows suffice from here on

    def made(fitted: Fitted, said: str, *, better: bool | None) -> Bundle:
        refit = Note("refit", {"dates": len(days), "as_of": str(as_of)})
        recipe = pipeline.model.model_dump(mode="json") if fitted.name == "growth" else None
        needs = _needs(columns_of(fitted, potential), extra, provided)
        versions = {name: version(name) for name in LIBRARIES} | {"python": platform.python_version()}
        card = Card(
            pipeline=pipeline.name, ranker=fitted.name, as_of=str(as_of), target=pipeline.target, needs=needs,
            training_dates=days, data_digest=data, verdict=said, better=better, versions=versions,
            notes=(*([refit] if recipe and better is not None else []), *fitted.notes, *told), recipe=recipe,
            past=() if result is None else past_lists(result, fitted.name), extra=extra_of(fitted),
        )  # fmt: skip
        return Bundle(fitted, card, potential, peers, records)

    try:
        fitted = Growth(pipeline.model).fit_pool(pool)
        model = made(fitted, verdict.sentence, better=verdict.better)
    except HistoryError as error:
        verdict = judge(None, "growth", history_days=history_days, reason=error.message)
    step("model fitted")
    said = f"{verdict.sentence} A plain ranking serves: {PLAIN[plain_name].meaning}."
    plain = made(plainly, said, better=None)
    content = _content(pipeline, as_of, model or plain, result, verdict, quality)
    content = replace(content, digests={**content.digests, **lent})
    return Trained(model, plain, result, verdict, quality, content, _means(result, plain_name, pipeline))


@contextmanager
def _checked_lines(pipeline: Pipeline, as_of: date, memory: str | None) -> Iterator[tuple[Quality, Lines]]:
    """Yield the quality report and the lines; a session of Spark is started once."""
    with session(pipeline) if pipeline.engine == "spark" else nullcontext():
        quality = checked(pipeline, as_of=as_of, memory=memory)
        with order_lines(pipeline, memory=memory) as lines:
            yield quality, lines


def _needs(columns: set[str], extra: Sequence[Extra], provided: frozenset[str]) -> tuple[str, ...]:
    """The contract columns that features need, of those that the training had."""
    features: list[Feature | Extra] = [*CATALOGUE.values(), *extra]
    needed = {need for f in features if f.name in columns for need in f.needs}
    return tuple(sorted(needed & provided))


def _content(
    pipeline: Pipeline, as_of: date, bundle: Bundle, result: Backtest | None, verdict: Verdict, quality: Quality
) -> Training:
    metrics: dict[str, Interval | float] = dict(_means(result, "growth", pipeline))
    if verdict.ratio is not None and verdict.low is not None and verdict.high is not None:
        metrics["ratio_to_best_plain"] = Interval(verdict.ratio, verdict.low, verdict.high)
    return Training(
        pipeline=pipeline.name,
        params=_flat(pipeline.model_dump(include={"features", "target", "model", "growth_list"}))
        | {"as_of": str(as_of)},
        metrics=metrics,
        per_date=_by_date(result, pipeline),
        digests={"order_lines": bundle.card.data_digest},
        figures=drawings(result) if result is not None else {},
        artifacts={
            "quality.json": quality.as_dict(examples=False),
            "metrics.json": as_json(result, worded=words("en").note) if result is not None else {},
            "verdict.json": verdict.as_json(),
            "catalogue.json": dictionary.rows(declared(pipeline)),
            **draws_file(result, bundle.card.ranker, order_lines=bundle.card.data_digest),
        },
        bundle=bundle,
        tags={"ranker": bundle.card.ranker, "as_of": str(as_of)},
    )


def _means(result: Backtest | None, ranker: str, pipeline: Pipeline) -> dict[str, Interval]:
    if result is None or result.measured is None or ranker not in result.judged_rankers:
        return {}
    return {n: result.mean(ranker, n) for n in measures(pipeline.growth_list.capacity)}


def _by_date(result: Backtest | None, pipeline: Pipeline) -> tuple[tuple[str, dict[str, float]], ...]:
    if result is None or result.measured is None or "growth" not in result.judged_rankers:
        return ()
    by_name = {n: result.measured.by_date("growth", n) for n in measures(pipeline.growth_list.capacity)}
    return tuple(
        (str(t.fold.test), {n: found[i].value for n, found in by_name.items()}) for i, t in enumerate(result.judged)
    )


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    out: dict[str, str] = {}
    for key, value in content.items():
        out |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": str(value)}
    return out
