"""The pipeline file: what it may say, and what is said about what it may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from smartaccounts.config import Model, Pipeline, Target, pipeline_from, read_pipeline
from smartaccounts.errors import PipelineError
from smartaccounts.workflow import demo

LEAST: dict[str, Any] = {
    "name": "shop",
    "source": {"path": "lines.csv"},
    "columns": {"customer_id": "c", "order_date": "d", "amount": "a"},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path, LEAST)


def written(folder: Path, content: dict[str, Any] | str) -> Path:
    path = folder / "shop.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def refused(content: dict[str, Any] | str, folder: Path, *overrides: str) -> str:
    path = written(folder, content)
    with pytest.raises(PipelineError) as error:
        read_pipeline(path, overrides=overrides)
    said = str(error.value)
    assert said.startswith("Expected ")
    assert "--set" in said if overrides and str(path) not in said else str(path) in said
    return said


def test_defaults_are_those_of_the_design(file: Path) -> None:
    made = read_pipeline(file)
    assert made.target == Target(
        horizon_days=182, key_quantile=0.9, small_quantile=0.8, sustained_months=2, min_active=100
    )  # fmt: skip
    assert (made.growth_list.capacity, made.growth_list.language, made.keep, made.customers) == (50, "en", None, None)
    assert made.columns.mapped() == LEAST["columns"]


def test_the_demo_runs_the_demo_pipeline() -> None:
    there = yaml.safe_load((Path(__file__).parents[2] / "pipelines" / "demo.yaml").read_text())
    there["source"]["path"], there["customers"]["path"] = "orders.parquet", "orders_customers.csv"
    assert there == demo.PIPELINE | demo.LIST | {"model": demo.QUICK}


@pytest.mark.parametrize("name", ["online_retail", "iowa_suppliers", "demo"])
def test_the_pipelines_that_come_along_can_be_read(name: str) -> None:
    made = read_pipeline(Path(__file__).parents[2] / "pipelines" / f"{name}.yaml")
    assert made.name == name.replace("_", "-")
    assert made.model == (Model.model_validate(demo.QUICK) if name == "demo" else Model())


def test_relative_paths_count_from_the_file(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    made = read_pipeline(file)
    assert made.resolve("lines.csv") == tmp_path / "lines.csv"
    assert made.resolve("/data/lines.csv") == Path("/data/lines.csv")


def test_environment_variables_are_put_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHERE", "/data")
    monkeypatch.delenv("NOWHERE", raising=False)
    content = LEAST | {"source": {"path": "${WHERE}/${NOWHERE:-2020}/lines.csv"}}
    assert read_pipeline(written(tmp_path, content)).source.path == "/data/2020/lines.csv"
    said = refused(LEAST | {"source": {"path": "${NOWHERE}/lines.csv"}}, tmp_path)
    assert said.startswith("Expected the environment variable NOWHERE, got none in ")
    assert "Hint: Set it, or write ${NOWHERE:-default}." in said


# what is no pipeline file


def test_a_missing_file_names_the_nearest(file: Path) -> None:
    with pytest.raises(PipelineError) as error:
        read_pipeline(file.with_name("shopp.yaml"))
    assert (
        str(error.value)
        == f"Expected a pipeline file, got nothing in {file.with_name('shopp.yaml')}.\nHint: Did you mean {file}?"
    )


def test_a_folder_is_no_pipeline_file(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=f"Expected a pipeline file, got a folder in {tmp_path}"):
        read_pipeline(tmp_path)


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("name: [", "Expected YAML, got a text that cannot be read"),
        ("name: a\n\tb: c", "Expected YAML, got a text that cannot be read"),
        ("a: b: c", "Expected YAML, got a text that cannot be read"),
        ("", "Expected YAML with the keys name, source and columns, got NoneType"),
        ("- a\n- b\n", "Expected YAML with the keys name, source and columns, got list"),
        ("just words", "Expected YAML with the keys name, source and columns, got str"),
    ],
)
def test_yaml_that_is_no_yaml(text: str, got: str, tmp_path: Path) -> None:
    assert refused(text, tmp_path).startswith(got)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    path.write_bytes(b"name: \xff\xfe")
    with pytest.raises(PipelineError, match="got a text that cannot be read"):
        read_pipeline(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"colums": {}}, "Expected a known key, got 'colums' in {}.\nHint: Did you mean 'columns'?"),
        ({"target": {"horizon": 9}}, "known key, got 'target.horizon' in {}.\nHint: Did you mean 'horizon_days'?"),
        ({"model": {"leafs": 8}}, "Expected a known key, got 'model.leafs' in {}.\nHint: Did you mean 'leaves'?"),
        ({"customers": {"path": "x", "colums": {}}}, "got 'customers.colums' in {}.\nHint: Did you mean 'columns'?"),
        ({"growth_list": {"zzz": 1}}, "got 'growth_list.zzz' in {}.\nHint: Known keys: capacity, per, length"),
        ({1: 2}, "Expected a known key, got '1' in {}.\nHint: Known keys: name, source, columns"),
    ],
)  # fmt: skip
def test_unknown_keys_name_the_nearest(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    assert said.format(tmp_path / "shop.yaml") in refused(LEAST | change, tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"target": {"horizon_days": "half a year"}}, "Expected a valid target.horizon_days, got 'half a year' in "),
        ({"target": {"horizon_days": 6}}, "Expected a valid target.horizon_days, got 6 in "),
        ({"target": {"key_quantile": 90}}, "Expected a valid target.key_quantile, got 90 in "),
        ({"target": {"key_quantile": 0.5}}, "small_quantile must not be above key_quantile"),
        ({"target": {"key_spend": 10, "small_spend": 20}}, "small_spend must not be above key_spend"),
        ({"target": {"key_spend": float("nan")}}, "Expected a valid target.key_spend, got nan in "),
        ({"target": None}, "Expected a valid target, got None in "),
        ({"target": 5}, "Expected a valid target, got 5 in "),
        ({"source": "lines.csv"}, "Expected a valid source, got 'lines.csv' in "),
        ({"source": {"path": ""}}, "Expected a valid source.path, got '' in "),
        ({"source": {"path": "x", "date_format": 5}}, "Expected a valid source.date_format, got 5 in "),
        ({"columns": {"order_date": "d", "amount": "a"}}, "Expected the key 'columns.customer_id', got none in "),
        ({"columns": {"customer_id": "c", "order_date": "d"}}, "columns needs amount, or quantity and unit_price"),
        ({"columns": {"customer_id": "c", "order_date": "d", "unit_price": "q"}}, "needs amount, or quantity and"),
        ({"name": "My Shop"}, "Expected a valid name, got 'My Shop' in "),
        ({"name": "../up"}, "Expected a valid name, got '../up' in "),
        ({"name": None}, "Expected a valid name, got None in "),
        ({"growth_list": {"language": "xx"}}, "Expected a valid growth_list.language, got 'xx' in "),
        ({"engine": "pandas"}, "Expected a valid engine, got 'pandas' in "),
        ({"source": {}}, "source needs path, or table with engine: spark, and not both"),
        ({"source": {"path": "x", "table": "t"}, "engine": "spark"}, "source needs path, or table with engine: spark"),
        ({"source": {"table": "t"}}, "source.table is a table of Spark: it needs engine: spark"),
        ({"spark": {"partitions": 0}}, "Expected a valid spark.partitions, got 0 in "),
    ],
)  # fmt: skip
def test_wrong_values_are_said_with_key_value_and_file(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    found = refused(LEAST | change, tmp_path)
    assert said in found
    assert "pydantic" not in found


def test_a_path_may_be_text(file: Path) -> None:
    assert read_pipeline(str(file)) == read_pipeline(file)


def test_a_pipeline_cannot_be_changed(file: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        read_pipeline(file).name = "other"


# --set


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("target.horizon_days=91", 91),
        (" target.horizon_days =91", 91),
        ("target.key_spend=1e4", 10_000.0),
        ("model.monotone=false", False),
        ("keep=Price > 0 AND Code = 'a'", "Price > 0 AND Code = 'a'"),
        ("source.path=other.csv", "other.csv"),
        ("source.date_format=['%d.%m.%Y', '%Y']", ["%d.%m.%Y", "%Y"]),
        ("keep=", None),
    ],
)
def test_set_overrides_any_key(file: Path, override: str, value: object) -> None:
    found: Any = read_pipeline(file, overrides=[override])
    for key in override.partition("=")[0].strip().split("."):
        found = getattr(found, key)
    assert found == value


def test_the_last_override_wins(file: Path) -> None:
    made = read_pipeline(file, overrides=["target.horizon_days=91", "target.horizon_days=120"])
    assert made.target.horizon_days == 120


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("target.horizon_days", "Expected KEY=VALUE, got 'target.horizon_days' in --set."),
        ("=5", "Expected KEY=VALUE, got '=5' in --set."),
        ("", "Expected KEY=VALUE, got '' in --set."),
        ("target.horizn_days=91", "Did you mean 'horizon_days'?"),
        ("name.first=x", "Expected a key with keys below it, got 'name' in --set 'name.first=x'."),
        ("target.horizon_days=soon", "Expected a valid target.horizon_days, got 'soon'"),
        ("...=1", "Expected a known key, got "),
        ("name=[1", "Expected a valid name, got '[1'"),
    ],
)
def test_nonsense_in_set_is_refused(tmp_path: Path, override: str, said: str) -> None:
    assert said in refused(LEAST, tmp_path, override)


def test_a_mapping_is_checked_as_a_file_is(tmp_path: Path) -> None:
    made = pipeline_from(LEAST, folder=tmp_path)
    assert isinstance(made, Pipeline)
    assert made.resolve("x") == tmp_path / "x"
    with pytest.raises(PipelineError, match="in the pipeline"):
        pipeline_from(LEAST | {"nam": 1}, folder=tmp_path)


@pytest.mark.parametrize(("said", "share"), [(0, 0.0), (False, 0.0), (0.5, 0.5), (True, 0.2)])
def test_hysteresis_can_be_switched(said: Any, share: float) -> None:
    assert pipeline_from(LEAST | {"growth_list": {"hysteresis": said}}, folder=Path()).growth_list.hysteresis == share
    assert pipeline_from(LEAST, folder=Path()).growth_list.hysteresis == 0.2


@pytest.mark.parametrize(
    ("growth_list", "said"),
    [
        ({"plays": [{"play": "leave", "whn": "TRUE"}]}, "'growth_list.plays.0.whn' in {}.\nHint: Did you mean 'when'?"),
        ({"costs": {"per_ordr": 1}}, "got 'growth_list.costs.per_ordr' in {}.\nHint: Did you mean 'per_order'?"),
        ({"costs": {"proposed": {"leave": {"line": 1}}}}, "'growth_list.costs.proposed.leave.line' in {}.\nHint: Did"),
        ({"costs": {"proposed": {"sell": {}}}}, "Expected a valid growth_list.costs.proposed, got 'sell' in {}: Input"),
        ({"costs": {"per_order": float("inf")}}, "Expected a valid growth_list.costs.per_order, got inf in {}"),
        ({"costs": {"per_order": 1e308}}, "got 1e+308 in {}: Input should be less than or equal to 1000000000000"),
        ({"plays": [{"play": "sell"}]}, "Expected a valid growth_list.plays.0.play, got 'sell' in {}: Input should be"),
        ({"plays": []}, "the last rule of plays, and no other, must be without `when`"),
        ({"plays": [{"play": "leave", "when": "TRUE"}]}, "and no other, must be without `when`"),
        ({"plays": [{"play": "leave"}, {"play": "develop"}]}, "and no other, must be without `when`"),
        ({"length": "profit"}, "length: profit needs costs.worked_account"),
        ({"per": "region"}, "growth_list.per needs a customers table"),
    ],
)  # fmt: skip
def test_plays_and_costs_are_checked(growth_list: dict[str, Any], said: str, tmp_path: Path) -> None:
    assert said.format(tmp_path / "shop.yaml") in refused(LEAST | {"growth_list": growth_list}, tmp_path)


def test_plays_and_costs_can_be_written(tmp_path: Path) -> None:
    said = {
        "plays": [{"play": "leave", "when": "spend_12m < 10", "name": "tiny"}, {"play": "self_service"}],
        "costs": {"margin_share": 0.2, "worked_account": 90, "proposed": {"automate": {"personal": 0}}},
        "length": "profit",
        "per": "region",
    }
    path = written(tmp_path, LEAST | {"growth_list": said, "customers": {"path": "c.csv"}})
    made = read_pipeline(path, overrides=["growth_list.costs.per_order=2.5"]).growth_list
    assert made.plays is not None
    assert [rule.name for rule in made.plays] == ["tiny", None]
    assert made.costs is not None
    assert (made.costs.per_order, made.costs.proposed["automate"].personal) == (2.5, 0)
