"""A model as files: text and JSON only, so that loading one runs nothing.

A bundle is a folder: bundle.json (the card and a SHA-256 of every other file), for a growth model growth.json and
booster_N.txt, for the potential of accounts potential.json and potential_*.txt, for their
peers peers.json, for record quarters records.json.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from smartaccounts.config import Target
from smartaccounts.engine.interrupt import heed
from smartaccounts.errors import ModelError, culprits
from smartaccounts.features.extra import Extra
from smartaccounts.features.snapshot import CATALOGUE
from smartaccounts.growth_list.facts import PastList
from smartaccounts.rankers.base import Fitted, Note
from smartaccounts.rankers.calibration import Calibrator
from smartaccounts.rankers.curves import Curve, Curves
from smartaccounts.rankers.derived import DERIVED
from smartaccounts.rankers.growth import GrowthModel
from smartaccounts.rankers.peers import Peers
from smartaccounts.rankers.plain import PLAIN, CalibratedPlain
from smartaccounts.rankers.potential import PotentialModel
from smartaccounts.rankers.records import Records

FORMAT = 4
CARD = "bundle.json"
AGAIN = "Train or export it again."


@dataclass(frozen=True)
class Card:
    """What a model is and rests on.

    pipeline: the name of its pipeline. as_of: the date it was trained for. needs: contract columns that it and the
    potential beside it cannot do without. verdict: one sentence on how it compares with the best plain ranking;
    `better` the same as yes, no or not judged. notes: what a reader should know of it. versions: of the libraries.
    recipe: the settings of a growth model (config.Model), None for others. past: how the lists of the judged past dates
    would have turned out. extra: the features of the pipeline file that it was trained with.
    """

    pipeline: str
    ranker: str
    as_of: str
    target: Target
    needs: tuple[str, ...]
    training_dates: tuple[str, ...]
    data_digest: str
    verdict: str
    better: bool | None
    notes: tuple[Note, ...]
    versions: Mapping[str, str]
    recipe: Mapping[str, Any] | None = None
    past: tuple[PastList, ...] = ()
    extra: tuple[Extra, ...] = ()


@dataclass(frozen=True)
class Bundle:
    """A fitted ranker, its card, and what was learned beside (None: too little history).

    potential: what accounts can spend; peers: what similar ones reached; records: what became of record quarters.
    """

    fitted: Fitted
    card: Card
    potential: PotentialModel | None = None
    peers: Peers | None = None
    records: Records | None = None

    @property
    def version(self) -> str:
        """Return the model's version: its name, its date and the start of the digest of its files."""
        digest = hashlib.sha256(json.dumps(_digests(_files(self)), sort_keys=True).encode())
        digest.update(json.dumps(_card(self.card), sort_keys=True).encode())
        return f"{self.card.ranker}-{self.card.as_of}-{digest.hexdigest()[:8]}"


def save(bundle: Bundle, folder: Path) -> None:
    """Write a bundle as `folder`, replacing what is there; beside it first, then renamed."""
    if folder.is_file():
        raise ModelError(f"Expected a folder to write the model into, got a file in {folder}.", hint="Move it away.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise ModelError(
            f"Expected a folder to write the model into, got {error.strerror} in {folder.parent}."
        ) from error
    old = beside.with_name(f"{beside.name}-old")
    try:
        beside.chmod(0o755)  # mkdtemp makes it private; a bundle is to be shared
        files = _files(bundle)
        for name, content in files.items():
            (beside / name).write_text(content, encoding="utf-8")
        said = {"format": FORMAT, "version": bundle.version, "card": _card(bundle.card), "files": _digests(files)}
        (beside / CARD).write_text(json.dumps(said, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        heed()
        if folder.exists():
            folder.rename(old)
        beside.rename(folder)
    except OSError as error:
        raise ModelError(f"Expected a folder to write the model into, got {error.strerror} in {folder}.") from error
    finally:
        if old.exists() and not folder.exists():
            old.rename(folder)
        for left in (beside, old):
            shutil.rmtree(left, ignore_errors=True)


def load(folder: Path) -> Bundle:
    """Read a bundle and check every digest; ModelError where a file is missing, changed or of another format."""
    card_file = folder / CARD
    if not card_file.is_file():
        raise ModelError(
            f"Expected a model bundle with {CARD}, got none in {folder}.",
            hint="Name the folder that promote or export wrote, for example models/NAME.",
        )
    try:
        said = json.loads(card_file.read_text(encoding="utf-8"))
        if said["format"] != FORMAT:
            raise ModelError(
                f"Expected a bundle of format {FORMAT}, got {said['format']!r} in {card_file}.", hint=AGAIN
            )
        files = {name: _verified(folder, name, digest) for name, digest in said["files"].items()}
        lists = {k: tuple(said["card"][k]) for k in ("needs", "training_dates")}
        notes = tuple(Note(**n) for n in said["card"]["notes"])
        past = tuple(PastList(**p) for p in said["card"]["past"])
        target = Target(**said["card"]["target"])
        extra = tuple(Extra(**{**e, "needs": tuple(e["needs"])}) for e in said["card"].get("extra", ()))
        card = Card(**{**said["card"], **lists, "target": target, "notes": notes, "past": past, "extra": extra})
        potential = PotentialModel.from_files(files) if "potential.json" in files else None
        peers = Peers.from_files(files) if "peers.json" in files else None
        records = Records(**json.loads(files["records.json"])) if "records.json" in files else None
        bundle = Bundle(_fitted(card, files), card, potential, peers, records)
        _check_columns(bundle)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelError(
            f"Expected a readable bundle, got {type(error).__name__} ({error}) in {card_file}.", hint=AGAIN
        ) from error
    if bundle.version != said.get("version"):
        raise ModelError(
            f"Expected the card that was saved, got another than that of {said.get('version')!r} in {card_file}.",
            hint=AGAIN,
        )
    return bundle


def _files(bundle: Bundle) -> dict[str, str]:
    potential = bundle.potential.to_files() if bundle.potential is not None else {}
    peers = bundle.peers.to_files() if bundle.peers is not None else {}
    records = {"records.json": json.dumps(asdict(bundle.records))} if bundle.records is not None else {}
    return _ranker_files(bundle.fitted) | potential | peers | records


def _ranker_files(fitted: Fitted) -> dict[str, str]:
    if isinstance(fitted, GrowthModel):
        learned = {
            "columns": fitted.columns,
            "curve_share": fitted.curve_share,
            "curves": asdict(fitted.curves),
            "calibrator": asdict(fitted.calibrator),
        }
        boosters = {f"booster_{i}.txt": text for i, text in enumerate(fitted.boosters)}
        return boosters | {"growth.json": json.dumps(learned, indent=2)}
    if isinstance(fitted, CalibratedPlain):
        return {"plain.json": json.dumps({"calibrator": asdict(fitted.calibrator)}, indent=2)}
    return {}


def _fitted(card: Card, files: Mapping[str, str]) -> Fitted:
    if card.ranker in PLAIN:
        plain = PLAIN[card.ranker]
        if "plain.json" not in files:
            return plain
        return CalibratedPlain(plain, _calibrator(json.loads(files["plain.json"])["calibrator"]), card.notes)
    learned = json.loads(files["growth.json"])
    count = sum(name.startswith("booster_") for name in files)
    boosters = tuple(files[f"booster_{i}.txt"] for i in range(count))
    curves = tuple(_curve(c) for c in learned["curves"]["curves"])
    return GrowthModel(
        boosters,
        Curves(learned["curves"]["intercept"], curves),
        learned["curve_share"],
        tuple(learned["columns"]),
        _calibrator(learned["calibrator"]),
        card.notes,
        card.ranker,
        card.extra,
    )


def columns_of(fitted: Fitted, potential: PotentialModel | None) -> set[str]:
    """Return the features and derived columns that a ranker and the potential beside it were learned from."""
    return {*getattr(fitted, "columns", ()), *(() if potential is None else potential.spending.columns)}


def extra_of(fitted: Fitted) -> tuple[Extra, ...]:
    """Return the features of the pipeline file that a ranker was trained with; a plain ranking has none."""
    return getattr(fitted, "extra", ())


def _check_columns(bundle: Bundle) -> None:
    if unknown := sorted(
        columns_of(bundle.fitted, bundle.potential) - {*CATALOGUE, *DERIVED, *(e.name for e in bundle.card.extra)}
    ):
        raise ModelError(
            f"Expected a model of features that this version knows, got {culprits(unknown)} in {bundle.card.ranker}.",
            hint=AGAIN,
        )


def _calibrator(said: Mapping[str, Any]) -> Calibrator:
    return Calibrator(**{**said, "variance": tuple(said["variance"])})


def _curve(said: Mapping[str, Any]) -> Curve:
    return Curve(said["column"], tuple(said["knots"]), tuple(said["values"]), said["unknown"], said["mean"])


def _verified(folder: Path, name: str, digest: str) -> str:
    path = folder / name
    if (
        Path(name).name != name or name == ".." or path.is_symlink()
    ):  # a bundle may come from anywhere: it names no other files
        raise ModelError(f"Expected files inside the bundle, got {name!r} in {folder / CARD}.", hint=AGAIN)
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != digest:
        state = "a changed file" if path.is_file() else "nothing"
        raise ModelError(f"Expected the file that was saved, got {state} in {path}.", hint=AGAIN)
    return content.decode("utf-8")


def _digests(files: Mapping[str, str]) -> dict[str, str]:
    return {name: hashlib.sha256(content.encode("utf-8")).hexdigest() for name, content in files.items()}


def _card(card: Card) -> dict[str, Any]:
    said = asdict(card) | {"target": card.target.model_dump()}
    if not card.extra:  # nothing is said of them: so read, and are called, models of before there were any
        del said["extra"]
    return said
