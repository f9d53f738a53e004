"""The pipeline file: what it may say, its defaults, and clear errors for what it may not."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from smartaccounts.errors import PipelineError


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Strict):
    """Where order lines come from: files (csv, csv.gz, parquet; a glob is allowed), or a table that Spark knows."""

    path: str | None = Field(None, min_length=1)
    table: str | None = Field(None, min_length=1, description="in place of path, with engine: spark")
    delimiter: str | None = Field(None, min_length=1, max_length=1, description="csv: detected where it is not given")
    encoding: str | None = Field(None, description="csv: utf-8, latin-1 or utf-16; detected where it is not given")
    decimal: Literal[".", ","] = Field(".", description="csv: the decimal separator of numbers")
    date_format: str | list[str] | None = Field(None, description="strptime, e.g. '%d.%m.%Y'; ISO where not given")
    cancelled: str | None = Field(
        None, description="SQL condition over the source's columns: this line cancels another"
    )
    duplicates: Literal["keep", "drop"] = Field("keep", description="lines alike in every column of the source")


class Spark(_Strict):
    """How Spark is started where no session is active, and in how many parts it works."""

    master: str = Field("local[*]", min_length=1)
    settings: dict[str, str] = Field(default_factory=dict, description="of Spark itself: spark.executor.memory, ...")
    partitions: int | None = Field(None, ge=1, description="of the customers; as many as the lines need if not given")


class Columns(_Strict):
    """Contract column -> column of the source (docs/definitions.md)."""

    market: str | None = None
    customer_id: str
    order_id: str | None = None
    order_date: str
    known_date: str | None = None
    product_id: str | None = None
    quantity: str | None = None
    amount: str | None = None
    unit_price: str | None = None
    list_price: str | None = None
    discount: str | None = None
    cost: str | None = None
    channel: str | None = None
    category: str | None = None
    currency: str | None = None

    @model_validator(mode="after")
    def _has_amount(self) -> Columns:
        if self.amount is None and (self.quantity is None or self.unit_price is None):
            raise ValueError("columns needs amount, or quantity and unit_price")
        return self

    def mapped(self) -> dict[str, str]:
        """Return contract column -> source column, of the mapped ones."""
        return {k: v for k, v in self.model_dump().items() if v is not None}


class Customers(_Strict):
    """A table of customer attributes, joined by key for display and filters; never a feature."""

    path: str = Field(min_length=1)
    columns: dict[str, str] = Field(default_factory=dict, description="customer_id, market, name, ... -> source column")


class Target(_Strict):
    """What counts as small, key and grown (docs/definitions.md)."""

    horizon_days: int = Field(182, ge=7, le=1095)
    key_quantile: float = Field(0.90, gt=0, lt=1)
    small_quantile: float = Field(0.80, gt=0, lt=1)
    key_spend: float | None = Field(None, gt=0, description="a fixed K in place of the quantile")
    small_spend: float | None = Field(None, gt=0, description="a fixed S in place of the quantile")
    sustained_months: int = Field(2, ge=1)
    min_active: int = Field(100, ge=2)

    @model_validator(mode="after")
    def _small_below_key(self) -> Target:
        if self.small_quantile > self.key_quantile:
            raise ValueError("small_quantile must not be above key_quantile")
        if self.key_spend is not None and self.small_spend is not None and self.small_spend > self.key_spend:
            raise ValueError("small_spend must not be above key_spend")
        return self


class Model(_Strict):
    """The growth model's knobs; what the defaults rest on is in docs/experiments.md."""

    rounds: int = Field(400, ge=1)
    learning_rate: float = Field(0.03, gt=0, le=1)
    leaves: int = Field(10, ge=2)
    min_rows_per_leaf: int = Field(100, ge=1)
    row_sample: float = Field(0.6, gt=0, le=1)
    column_sample: float = Field(0.3, gt=0, le=1)
    l2: float = Field(20.0, ge=0)
    bins: int = Field(63, ge=2, le=255)
    bags: int = Field(8, ge=1, description="the more, the less a seed decides who ranks where")
    rows_per_bag: int = Field(
        60_000,
        ge=100,
        description="above it rows are drawn afresh per bag, weighted back: negatives, then positives above half of it",
    )
    weight_not_eligible: float = Field(1.0, ge=0, le=1, description="weight of training rows that are not eligible")
    random_splits: bool = Field(
        default=True, description="every other bag tries one random threshold per column (extremely randomised trees)"
    )
    curve_strength: float = Field(
        700,
        ge=0,
        description="with so many key accounts to learn from, additive curves and trees count alike; with fewer the "
        "curves count more, with more the trees",
    )
    key_levels: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (0.7, 1.4), description="other levels, as multiples of K, whose reaching the model learns from beside K itself"
    )
    monotone: bool = Field(default=True, description="never a lower score for more spend, orders or recency")
    season: bool = Field(default=True, description="probabilities follow last year's season")
    training_dates: int = Field(48, ge=1, description="at most this many monthly as_of dates, the latest")
    seed: int = 0
    borrow: tuple[str, ...] = Field(
        (), description="pipeline files of other suppliers, whose past the model learns from as well"
    )
    tuned_before: date | None = Field(
        None,
        description="lines before it were seen when the settings were chosen: the gate judges on later dates only, "
        "whose horizons end after it (their first months may have been seen)",
    )


Play = Literal["develop", "fair_terms", "carefree", "self_service", "automate", "win_back", "leave"]


class PlayRule(_Strict):
    """Which accounts get a play: those for which `when` is true (docs/plays.md); without it all that are left."""

    play: Play
    when: str | None = Field(None, min_length=1, description="SQL condition over the figures of one account")
    name: str | None = Field(None, min_length=1, description="what the list calls the rule; its condition if not given")


_LARGE = 1e12
"""No cost is larger: sums of it stay numbers."""


class Proposal(_Strict):
    """What a play makes of the cost to serve: factors of what is now, effort in worked accounts. None: the default."""

    model_config = ConfigDict(allow_inf_nan=False)

    orders: float | None = Field(None, ge=0, le=_LARGE)
    personal: float | None = Field(None, ge=0, le=_LARGE, description="orders by phone or field")
    lines: float | None = Field(None, ge=0, le=_LARGE)
    returns: float | None = Field(None, ge=0, le=_LARGE)
    customer: float | None = Field(None, ge=0, le=_LARGE)
    effort: float | None = Field(None, ge=0, le=_LARGE)


class Costs(_Strict):
    """What serving and working an account costs, in the currency of the lines."""

    model_config = ConfigDict(allow_inf_nan=False)

    margin_share: float | None = Field(None, gt=0, lt=1, description="assumed where the lines bear no cost")
    per_order: float = Field(0, ge=0, le=_LARGE)
    per_personal_order: float = Field(0, ge=0, le=_LARGE, description="more for an order by phone or field")
    personal_share: float = Field(0, ge=0, le=1, description="share of such orders where the lines bear no channel")
    per_line: float = Field(0, ge=0, le=_LARGE)
    per_return: float = Field(0, ge=0, le=_LARGE, description="for each returned line")
    per_customer: float = Field(0, ge=0, le=_LARGE, description="a year")
    worked_account: float | None = Field(None, gt=0, le=_LARGE, description="of working one account through a horizon")
    proposed: dict[Play, Proposal] = Field(default_factory=dict)


class GrowthList(_Strict):
    """What the list shows."""

    capacity: int = Field(50, ge=1)
    per: str | None = Field(None, min_length=1, description="attribute of the customers table: capacity of each value")
    length: Literal["capacity", "profit"] = Field("capacity", description="profit: fewer where fewer pay")
    language: Literal["en", "de"] = "en"
    hysteresis: Annotated[float, BeforeValidator(lambda said: 0.2 if said is True else said)] = Field(
        0.2,
        ge=0,
        le=1,
        description="who was listed before stays while it ranks within capacity x (1 + this); who was not goes before "
        "such a one within capacity / (1 + this) only; true: 0.2; 0 or false: the list is the first `capacity`",
    )
    reasons: int = Field(3, ge=1, le=10, description="reasons for and against, each, of a listed account")
    plays: tuple[PlayRule, ...] | None = Field(None, description="the first rule that fires; None: the default rules")
    costs: Costs | None = Field(None, description="None: the list says nothing of costs")

    @model_validator(mode="after")
    def _is_whole(self) -> GrowthList:
        if self.plays is not None and [r.when is None for r in self.plays] != [False] * (len(self.plays) - 1) + [True]:
            raise ValueError("the last rule of plays, and no other, must be without `when`: it takes all that are left")
        if self.length == "profit" and (self.costs is None or self.costs.worked_account is None):
            raise ValueError("length: profit needs costs.worked_account")
        return self


ExtraUnit = Literal["money", "count", "days", "share", "ratio"]


class Extra(_Strict):
    """A feature of one's own: an aggregate over the lines of a customer known before as_of (docs/features.md)."""

    sql: str = Field(min_length=1)
    within_days: int | None = Field(
        None, ge=1, description="lines of [as_of - this, as_of); all known lines if not given"
    )
    unit: ExtraUnit = Field(description="money is set against a key account's spend where a model learns from it")
    meaning: str = Field(min_length=1, description="what the list calls it")
    direction: Literal["free", "rises"] = Field(
        "free", description="rises: more of it is never a sign of less future spend; the growth model is held to that"
    )


class Features(_Strict):
    """Features beside those of the catalogue."""

    extra: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")], Extra] = Field(default_factory=dict)


class Pipeline(_Strict):
    """One supplier's pipeline: the content of pipelines/NAME.yaml.

    Relative paths count from the file's own folder; `${VAR}` and `${VAR:-default}` take environment variables.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    source: Source
    columns: Columns
    keep: str | None = None
    customers: Customers | None = None
    features: Features = Features()
    target: Target = Target()
    model: Model = Model()
    growth_list: GrowthList = GrowthList()
    engine: Literal["embedded", "spark"] = Field("embedded", description="spark: order lines on a cluster")
    spark: Spark = Spark()
    ledger: str | None = Field(
        None, min_length=1, description="a folder: lines that were read and checked are kept there (docs/ledger.md)"
    )
    _folder: Path = PrivateAttr(default_factory=Path.cwd)

    @model_validator(mode="after")
    def _is_whole(self) -> Pipeline:
        if (self.source.path is None) == (self.source.table is None):
            raise ValueError("source needs path, or table with engine: spark, and not both")
        if self.source.table is not None and self.engine != "spark":
            raise ValueError("source.table is a table of Spark: it needs engine: spark")
        if self.ledger is not None and self.engine == "spark":
            raise ValueError("a ledger needs engine: embedded")
        if self.growth_list.per is not None and self.customers is None:
            raise ValueError("growth_list.per needs a customers table")
        return self

    def resolve(self, path: str) -> Path:
        """Return `path` as an absolute path, counted from the pipeline file's folder."""
        return (self._folder / Path(path).expanduser()).absolute()


def read_pipeline(path: Path | str, *, overrides: Sequence[str] = ()) -> Pipeline:
    """Read a pipeline file; `overrides` are `key.key=value` texts, the value as in YAML.

    PipelineError where the file is missing, is no YAML, has an unknown key (the nearest known one is named) or a wrong
    value.
    """
    path = Path(path)
    if not path.is_file():
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.yaml")], n=1)
        kind = "a folder" if path.is_dir() else "nothing"
        raise PipelineError(
            f"Expected a pipeline file, got {kind} in {path}.",
            hint=f"Did you mean {path.parent / near[0]}?" if near else "See pipelines/README.md for how to write one.",
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PipelineError(f"Expected a pipeline file that can be read, got {error.strerror} in {path}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise PipelineError(f"Expected YAML, got a text that cannot be read ({reason}) in {path}.") from None
    if not isinstance(content, dict):
        raise PipelineError(
            f"Expected YAML with the keys name, source and columns, got {type(content).__name__} in {path}.",
            hint="See pipelines/README.md for an example.",
        )
    for override in overrides:
        _override(content, override)
    return pipeline_from(content, folder=path.parent.absolute(), where=str(path))


def pipeline_from(content: Mapping[str, Any], *, folder: Path, where: str = "the pipeline") -> Pipeline:
    """Check a mapping as `read_pipeline` checks a file."""
    try:
        pipeline = Pipeline.model_validate(_expand(content, where))
    except ValidationError as error:
        said = dict.fromkeys(_explain(e, where) for e in error.errors())
        raise PipelineError("\n".join(list(said)[:5])) from None
    pipeline._folder = folder
    return pipeline


def _override(content: dict[str, Any], text: str) -> None:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise PipelineError(
            f"Expected KEY=VALUE, got {text!r} in --set.", hint="Write for example --set target.horizon_days=91."
        )
    *parents, last = key.strip().split(".")
    at = content
    for parent in parents:
        at = at.setdefault(parent, {})
        if not isinstance(at, dict):
            raise PipelineError(f"Expected a key with keys below it, got {parent!r} in --set {text!r}.")
    try:
        at[last] = yaml.safe_load(value)
    except yaml.YAMLError:
        at[last] = value


_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def _expand(value: Any, where: str) -> Any:
    """Replace environment variables in every string."""
    if isinstance(value, Mapping):
        return {k: _expand(v, where) for k, v in value.items()}
    if isinstance(value, list):
        return [_expand(v, where) for v in value]
    if not isinstance(value, str):
        return value

    def found(match: re.Match[str]) -> str:
        name, default = match.groups()
        got = os.environ.get(name) or default
        if got is None:
            raise PipelineError(
                f"Expected the environment variable {name}, got none in {where}.",
                hint=f"Set it, or write ${{{name}:-default}}.",
            )
        return got

    return _VARIABLE.sub(found, value)


def _explain(error: Any, where: str) -> str:
    """Say one error of pydantic in the words of this project."""
    keys = [str(k) for k in error["loc"]]
    if error["type"] in ("extra_forbidden", "invalid_key"):
        key = ".".join(keys)
        known = _keys_at(keys[:-1])
        near = difflib.get_close_matches(keys[-1], known, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(known)}."
        return f"Expected a known key, got {key!r} in {where}.\nHint: {hint}"
    if error["type"] == "missing":
        return f"Expected the key {'.'.join(keys)!r}, got none in {where}."
    while keys and keys[-1] not in _keys_at(keys[:-1]):
        keys.pop()  # what is below a key: which of several types was tried, the place in a list
    said = error["msg"].removeprefix("Value error, ")
    got = error["input"] if not isinstance(error["input"], dict) else "this section"
    return f"Expected a valid {'.'.join(keys) or 'pipeline'}, got {got!r} in {where}: {said}."


def _keys_at(parents: Sequence[str]) -> list[str]:
    model: Any = Pipeline
    for parent in parents:
        if parent not in model.model_fields:
            continue  # a place in a list, a key of a mapping
        model = _model_in(model.model_fields[parent].annotation)
        if model is None:
            return []
    return list(model.model_fields)


def _model_in(annotation: Any) -> Any:
    """Return the model that an annotation holds, alone, in a list, as the values of a mapping; None without one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for a in getattr(annotation, "__args__", ()) if (m := _model_in(a)) is not None), None)
