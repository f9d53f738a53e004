"""What a training leaves in MLflow, as data; log.py is the loop that writes it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from matplotlib.figure import Figure

from smartaccounts import bundle as bundles
from smartaccounts.bundle import Bundle
from smartaccounts.evaluation import figures as drawn
from smartaccounts.evaluation.intervals import Interval

BUNDLE = "bundle"
"""The artifact folder of a run that holds the model: the only thing that is ever read back."""

BY_DATE = "by_date"
"""Metrics of single as_of dates are called by_date/NAME; their steps are named in by_date.json."""


@dataclass(frozen=True)
class Training:
    """What a training yields to be logged. It must hold no names of customers, no lists and no order lines.

    metrics: means over the judged as_of dates, with their interval where there is one; what is not finite is left out.
    per_date: (as_of, metrics) of each judged date. digests: data set -> digest. figures: name -> figure.
    artifacts: file name -> text, or content to be written as JSON. tags: of the run, among them `ranker` and `as_of`.
    """

    pipeline: str
    bundle: Bundle
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, Interval | float] = field(default_factory=dict)
    per_date: Sequence[tuple[str, Mapping[str, float]]] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    artifacts: Mapping[str, str | Mapping[str, object]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Point:
    """One value of a metric: step counts the judged dates; milliseconds since 1970, None for now."""

    name: str
    value: float
    step: int = 0
    milliseconds: int | None = None


def means(training: Training) -> Iterator[Point]:
    """Yield the metrics, an interval's ends as NAME_low and NAME_high."""
    for name, measured in training.metrics.items():
        if not isinstance(measured, Interval):
            yield Point(name, float(measured))
            continue
        yield Point(name, measured.value)
        yield Point(f"{name}_low", measured.low)
        yield Point(f"{name}_high", measured.high)


def by_date(training: Training) -> Iterator[Point]:
    """Yield the metrics of every as_of date, stamped with that date, so that a chart over time shows them there."""
    for step, (as_of, metrics) in enumerate(training.per_date):
        moment = datetime.fromisoformat(as_of).replace(tzinfo=UTC)
        for name, value in metrics.items():
            yield Point(f"{BY_DATE}/{name}", value, step, int(moment.timestamp() * 1000))


def points(training: Training) -> Iterator[Point]:
    """Yield every finite metric."""
    for source in (means, by_date):
        yield from (p for p in source(training) if math.isfinite(p.value))


def files(training: Training) -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Yield the files of a run: path below the run's artifacts, and what writes it there."""
    yield BUNDLE, lambda path: bundles.save(training.bundle, path)
    for name, figure in training.figures.items():
        yield f"figures/{name}.png", lambda path, figure=figure: drawn.save(figure, path)  # type: ignore[misc]  # mypy infers no lambda with a default
    for name, content in training.artifacts.items():
        text = content if isinstance(content, str) else as_json(content)
        yield _inside(name), lambda path, text=text: _write(path, text)  # type: ignore[misc]  # mypy infers no lambda with a default
    if training.per_date:
        dates = {"steps": [{"step": i, "as_of": d, **_finite(m)} for i, (d, m) in enumerate(training.per_date)]}
        yield f"{BY_DATE}.json", lambda path: _write(path, as_json(dates))


def as_json(content: Mapping[str, object]) -> str:
    """Return strict JSON: dates as texts, ValueError for NaN."""
    return json.dumps(content, indent=2, default=str, allow_nan=False) + "\n"


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.parts[:1] == (BUNDLE,):
        raise ValueError(f"Expected the name of a file beside the bundle, got {name!r}.")
    return name


def _finite(metrics: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
