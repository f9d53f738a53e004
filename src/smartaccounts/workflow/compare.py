"""The leaderboard: every training of a pipeline beside the champion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from smartaccounts.config import Pipeline
from smartaccounts.errors import ModelError
from smartaccounts.evaluation.backtest import BAR
from smartaccounts.evaluation.comparison import Dots, comparison_figure
from smartaccounts.evaluation.draws import Against, Draws, against
from smartaccounts.evaluation.figures import save
from smartaccounts.evaluation.intervals import Interval
from smartaccounts.evaluation.shown import interval_cell
from smartaccounts.html import Cell, section, sentences, table
from smartaccounts.outputs.staged import staged
from smartaccounts.tracking.draws import read_draws
from smartaccounts.tracking.leaderboard import Row, leaderboard
from smartaccounts.tracking.registry import CHAMPION
from smartaccounts.tracking.store import store_at

NO_CHAMPION = "no training is in service"
IS_CHAMPION = "in service"
NO_DRAWS = "its draws were not logged"
NO_CHAMPION_DRAWS = "the draws of the champion were not logged"


@dataclass(frozen=True)
class Standing:
    """One training and how it compares with the champion by average precision."""

    row: Row
    against: Against

    @property
    def champion(self) -> bool:
        """Say whether it is in service."""
        return CHAMPION in self.row.aliases


@dataclass(frozen=True)
class Leaderboard:
    """The trainings of a pipeline, the latest first."""

    pipeline: str
    standings: tuple[Standing, ...]

    def __repr__(self) -> str:
        """Return one line per training."""
        return "\n".join([f"Leaderboard of {self.pipeline}, the latest first", *map(_line, self.standings)])

    def _repr_html_(self) -> str:
        """Return what a notebook shows: measures with intervals, and the difference to the champion."""
        head = [
            "ranker", "in service", "as_of", "trained", "version", "average precision", "to the best plain ranking",
            "to the champion", "wins",
        ]  # fmt: skip
        words = (
            "To the best plain ranking: ratio of average precision. To the champion: difference in average precision "
            "over the dates that both were judged at; below, the 90% interval over draws of customers. "
            "Wins: share of the draws."
        )
        apart = any(s.against.comparison and not s.against.paired for s in self.standings)
        unpaired = "* not paired: other dates or data, so the interval is wider than it need be." if apart else ""
        body = table(head, [_cells(s) for s in self.standings], texts=4)
        return section(
            f"Trainings of {self.pipeline}, the latest first", body, sentences([words, unpaired], small=True)
        )


def standings(pipeline: Pipeline) -> list[Standing]:
    """Return the trainings of a pipeline, the latest first; ModelError where there are none."""
    store = store_at()
    rows = leaderboard(store, pipeline.name)
    if not rows:
        raise ModelError(
            f"Expected trainings of {pipeline.name!r}, got none in {store.shown}.",
            hint="Run smartaccounts train PIPELINE --as-of D.",
        )
    champion = next((r for r in rows if CHAMPION in r.aliases), None)
    drawn = read_draws(store, [r.run_id for r in rows])
    return [Standing(r, _against(r, champion, drawn)) for r in rows]


def _against(row: Row, champion: Row | None, drawn: dict[str, Draws]) -> Against:
    if champion is None or row is champion:
        return Against(None, reason=NO_CHAMPION if champion is None else IS_CHAMPION)
    if row.run_id not in drawn or champion.run_id not in drawn:
        return Against(None, reason=NO_DRAWS if row.run_id not in drawn else NO_CHAMPION_DRAWS)
    return against(drawn[row.run_id], drawn[champion.run_id])


def behind_champion(pipeline: Pipeline, model_version: str) -> str:
    """Return in words by how much a training ranked worse than the one in service; '' where it did not.

    Judged by the same customers, any worse mean counts; by others, only what is beyond chance. '' also where the two
    were never judged alike: a gate of its own has found the training better than every plain ranking.
    """
    found = [s for s in standings(pipeline) if s.row.model_version == model_version] if store_at().exists else []
    compared = found[0].against.comparison if found else None
    if compared is None:
        return ""
    difference = compared.difference
    if difference.value >= 0 or (not found[0].against.paired and difference.high >= 0):
        return ""
    return (
        f"On {len(found[0].against.dates)} past dates that judged both, its average precision was "
        f"{-difference.value:.3f} below that of the model in service (90% interval of the difference "
        f"{difference.low:+.3f} to {difference.high:+.3f})."
    )


def as_json(standing: Sequence[Standing]) -> list[dict[str, Any]]:
    """Return what --json prints: a mapping per training; NaN as null."""
    return [
        {
            **asdict(s.row),
            "metrics": {name: _ends(m) for name, m in s.row.metrics.items()},
            "against_champion": {
                "difference": _ends(s.against.comparison.difference) if s.against.comparison else None,
                "better_share": _known(s.against.comparison.better_share) if s.against.comparison else None,
                "paired": s.against.paired,
                "dates": list(s.against.dates),
                "reason": s.against.reason,
            },
        }
        for s in standing
    ]


def write_figure(standing: Sequence[Standing], pipeline: Pipeline, out: Path) -> Path:
    """Write `out`/compare.png: average precision of every training, and its difference to the champion."""
    dots = [
        Dots(
            label=f"{s.row.version or '-'} {s.row.ranker} {s.row.as_of}",
            mean=s.row.metrics.get("average_precision"),
            difference=s.against.comparison.difference if s.against.comparison else None,
            champion=s.champion,
            paired=s.against.paired,
        )
        for s in standing
    ]
    figure = comparison_figure(dots, subtitle=f"{pipeline.name}: trainings, the latest first; 90% intervals")
    with staged(out) as folder:
        save(figure, folder / "compare.png")
    return out / "compare.png"


def _line(standing: Standing) -> str:
    row = standing.row
    mean = row.metrics.get(BAR)
    ends = "" if mean is None or math.isnan(mean.low) else f" ({mean.low:.3f} to {mean.high:.3f})"
    said = "-" if mean is None or math.isnan(mean.value) else f"{mean.value:.3f}{ends}"
    where = f" [{', '.join(row.aliases)}]" if row.aliases else ""
    return f"{row.version or '-'} {row.ranker} {row.as_of}{where}: average precision {said}"


def _cells(standing: Standing) -> list[Cell]:
    row, compared = standing.row, standing.against.comparison
    wins = "-" if compared is None or math.isnan(compared.better_share) else f"{compared.better_share:.0%}"
    return [
        row.ranker, ", ".join(row.aliases), row.as_of, f"{row.created:%Y-%m-%d}", str(row.version or "-"),
        interval_cell(row.metrics.get(BAR)), interval_cell(row.metrics.get("ratio_to_best_plain"), digits=2),
        _difference(standing), wins,
    ]  # fmt: skip


def _difference(standing: Standing) -> Cell:
    if standing.against.comparison is None:
        return "-"
    shown = interval_cell(standing.against.comparison.difference)
    if standing.against.paired:
        return shown
    return f"{shown} *" if isinstance(shown, str) else (f"{shown[0]} *", shown[1])


def _ends(interval: Interval) -> dict[str, float | None]:
    return {"value": _known(interval.value), "low": _known(interval.low), "high": _known(interval.high)}


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
