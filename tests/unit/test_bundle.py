"""A model as files: it comes back as it was, and nothing damaged, foreign or outside the folder is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.rankers.synthetic import card, firsts, panel_of, snapshot_of

from smartaccounts.bundle import CARD, Bundle, extra_of, load, save
from smartaccounts.config import Model
from smartaccounts.errors import ModelError
from smartaccounts.features.extra import Extra
from smartaccounts.growth_list.facts import PastList
from smartaccounts.rankers.growth import Growth, GrowthModel
from smartaccounts.rankers.peers import fit_peers
from smartaccounts.rankers.plain import PLAIN, calibrated
from smartaccounts.rankers.potential import fit_potential

PANEL = panel_of(snapshot_of(120, firsts(3)))


@pytest.fixture(scope="module")
def growth() -> Bundle:
    fitted = Growth(Model(rounds=8, bags=2, leaves=4, min_rows_per_leaf=10)).fit(PANEL)
    past = (
        PastList("2020-07-01", 5, 2.5, 1, 4, came=3, by_spend=2, random=0.5),
        PastList("2020-10-01", 5, *[None] * 3, 0, None, 0.4),
    )
    said = replace(card("growth"), notes=fitted.notes, past=past)
    return Bundle(fitted, said, fit_potential(PANEL, Model(rounds=8)), fit_peers(PANEL))


@pytest.fixture
def folder(growth: Bundle, tmp_path: Path) -> Path:
    save(growth, tmp_path / "models" / "shop")
    return tmp_path / "models" / "shop"


@pytest.fixture(params=["growth", "plain", "calibrated"])
def bundle(request: pytest.FixtureRequest, growth: Bundle) -> Bundle:
    fitted = calibrated(PLAIN["decay_60"], PANEL)
    plain = Bundle(PLAIN["past_h"], replace(card("past_h"), notes=()))
    learned = Bundle(fitted, replace(card("decay_60"), notes=fitted.notes))
    return {"growth": growth, "plain": plain, "calibrated": learned}[request.param]


def test_it_comes_back_as_it_was(bundle: Bundle, tmp_path: Path) -> None:
    save(bundle, tmp_path / "b")
    back = load(tmp_path / "b")
    assert back == bundle
    assert back.version == bundle.version
    ours, theirs = (b.fitted.score(PANEL.snapshot.frame) for b in (bundle, back))
    assert ours.score.tolist() == theirs.score.tolist()


@pytest.mark.slow
def test_the_features_of_the_pipeline_file_come_back_and_models_of_before_them_are_read(
    growth: Bundle, tmp_path: Path
) -> None:
    own = (Extra("mine", "SUM(amount)", "money", "m", 30, rises=True, needs=("cost",)),)
    frame = PANEL.snapshot.frame.assign(mine=np.arange(len(PANEL.outcome), dtype=float))
    panel = replace(PANEL, snapshot=replace(PANEL.snapshot, table=frame, extra=own))
    fitted = Growth(Model(rounds=8, bags=2, leaves=4, min_rows_per_leaf=10)).fit(panel)
    assert isinstance(fitted, GrowthModel)
    assert (fitted.extra, fitted.columns[-1]) == (own, "mine")
    made = Bundle(fitted, replace(card("growth"), notes=fitted.notes, extra=extra_of(fitted)))
    save(made, tmp_path / "b")
    back = load(tmp_path / "b")
    assert back == made
    assert back.fitted.score(frame).score.tolist() == fitted.score(frame).score.tolist()

    assert replace(growth, card=replace(growth.card, extra=own)).version != growth.version
    save(growth, tmp_path / "old")
    assert "extra" not in json.loads((tmp_path / "old" / CARD).read_text())["card"]
    assert load(tmp_path / "old").card.extra == extra_of(growth.fitted) == extra_of(PLAIN["past_h"]) == ()


def test_it_is_text_and_json_only_and_has_no_customer_in_it(folder: Path) -> None:
    files = sorted(f.name for f in folder.iterdir())
    assert files == [
        "booster_0.txt", "booster_1.txt", CARD, "growth.json", "peers.json", "potential.json", "potential_amount.txt",
        "potential_buys.txt", "potential_spread.txt",
    ]  # fmt: skip
    for name in files:
        assert "c0007" not in (folder / name).read_text(encoding="utf-8")


def test_the_same_model_gives_the_same_bytes(growth: Bundle, folder: Path, tmp_path: Path) -> None:
    save(load(folder), tmp_path / "again")
    for file in folder.iterdir():
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes()


def test_the_version_changes_with_the_model_and_with_the_card(growth: Bundle) -> None:
    assert growth.version.startswith("growth-2021-01-01-")
    other_card = replace(growth, card=replace(growth.card, data_digest="8-0"))
    other_model = replace(growth, fitted=replace(growth.fitted, curve_share=0.4))
    without = (replace(growth, potential=None), replace(growth, peers=None))
    versions = {b.version for b in (growth, other_card, other_model, *without)}
    assert len(versions) == 5


def test_saving_replaces_and_leaves_nothing_beside(growth: Bundle, folder: Path) -> None:
    (folder / "stale.txt").write_text("old")
    save(growth, folder)
    assert not (folder / "stale.txt").exists()
    assert [p.name for p in folder.parent.iterdir()] == ["shop"]


def test_an_interrupted_save_leaves_what_was_there(
    growth: Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    before = (folder / CARD).read_bytes()
    monkeypatch.setattr(Path, "write_text", stop)
    with pytest.raises(KeyboardInterrupt):
        save(replace(growth, card=replace(growth.card, verdict="Other.")), folder)
    assert (folder / CARD).read_bytes() == before
    assert [p.name for p in folder.parent.iterdir()] == ["shop"]


def test_an_interruption_between_the_old_and_the_new_leaves_the_old(
    growth: Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, calls = Path.rename, []

    def once(path: Path, target: Path) -> Path:
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", once)
    with pytest.raises(KeyboardInterrupt):
        save(replace(growth, card=replace(growth.card, verdict="Other.")), folder)
    assert load(folder) == growth
    assert [p.name for p in folder.parent.iterdir()] == ["shop"]


def test_a_file_in_the_way_is_no_traceback(growth: Bundle, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("mine")
    with pytest.raises(ModelError, match=f"Expected a folder to write the model into, got .* in {tmp_path}/models"):
        save(growth, tmp_path / "models" / "shop")
    assert (tmp_path / "models").read_text() == "mine"


# damage


def refused(folder: Path) -> str:
    with pytest.raises(ModelError) as error:
        load(folder)
    assert error.value.hint
    return error.value.message


def edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    said = json.loads((folder / CARD).read_text())
    change(said)
    (folder / CARD).write_text(json.dumps(said))


def test_a_folder_without_a_card_is_no_bundle(tmp_path: Path) -> None:
    assert refused(tmp_path) == f"Expected a model bundle with {CARD}, got none in {tmp_path}."


@pytest.mark.parametrize("name", ["booster_1.txt", "growth.json", "peers.json", "potential_amount.txt"])
def test_a_changed_byte_is_seen(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(bytes(content))
    assert refused(folder) == f"Expected the file that was saved, got a changed file in {folder / name}."


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "booster_1.txt").unlink()
    assert refused(folder) == f"Expected the file that was saved, got nothing in {folder / 'booster_1.txt'}."


@pytest.mark.parametrize(
    ("key", "value"), [("better", True), ("pipeline", "other"), ("needs", ["cost"]), ("as_of", "2001-01-01")]
)
def test_a_changed_card_is_seen(growth: Bundle, folder: Path, key: str, value: object) -> None:
    save(replace(growth, card=replace(growth.card, better=False)), folder)
    edit(folder, lambda said: said["card"].update({key: value}))
    assert refused(folder).startswith("Expected the card that was saved, got another than that of 'growth-2021-01-01-")


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/hostname", "sub/../growth.json", "..", "."])
def test_a_file_outside_is_not_read(folder: Path, name: str) -> None:
    (folder.parent / "outside.txt").write_text("x")
    edit(folder, lambda said: said["files"].update({name: "0" * 64}))
    assert refused(folder) == f"Expected files inside the bundle, got {name!r} in {folder / CARD}."


def test_a_link_to_a_file_outside_is_not_followed(folder: Path) -> None:
    (folder / "growth.json").rename(folder.parent / "growth.json")
    (folder / "growth.json").symlink_to(folder.parent / "growth.json")
    assert "inside the bundle, got 'growth.json'" in refused(folder)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "7", "{}", '{"format": 4}', '{"format": 4, "files": [], "card": {}}',
                '{"format": 4, "files": {}, "card": "x"}', "\x00", "nulL"]
)  # fmt: skip
def test_a_card_that_is_none_is_refused(folder: Path, content: str) -> None:
    (folder / CARD).write_text(content)
    assert refused(folder).startswith("Expected a readable bundle, got ")


def test_a_card_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / CARD).write_bytes(b"\xff\xfe\x00")
    assert refused(folder).startswith("Expected a readable bundle, got UnicodeDecodeError")


def test_another_format_is_refused(folder: Path) -> None:
    edit(folder, lambda said: said.update(format=99))
    assert refused(folder) == f"Expected a bundle of format 4, got 99 in {folder / CARD}."


def test_the_format_before_this_one_is_refused_with_what_to_do(folder: Path) -> None:
    edit(folder, lambda said: said.update(format=3))
    assert refused(folder) == f"Expected a bundle of format 4, got 3 in {folder / CARD}."


def test_a_potential_with_features_of_another_version_is_refused(growth: Bundle, tmp_path: Path) -> None:
    assert growth.potential is not None
    spending = growth.potential.spending
    other = replace(growth.potential, spending=replace(spending, columns=("moon_phase", *spending.columns[1:])))
    save(replace(growth, potential=other), tmp_path / "b")
    assert "features that this version knows, got 'moon_phase'" in refused(tmp_path / "b")


def test_a_model_with_features_of_another_version_is_refused(growth: Bundle, tmp_path: Path) -> None:
    other = replace(growth.fitted, columns=(*growth.fitted.columns[:-1], "moon_phase"))
    save(replace(growth, fitted=other), tmp_path / "b")
    assert "features that this version knows, got 'moon_phase'" in refused(tmp_path / "b")


def test_a_folder_that_cannot_be_made_is_said(growth: Bundle, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(ModelError, match="Expected a folder to write the model into"):
        save(growth, tmp_path / "models" / "shop")


def test_a_save_that_fails_leaves_the_old_model(growth: Bundle, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if target == folder and "-old" not in self.name:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(ModelError, match="No space left"):
        save(growth, folder)
    monkeypatch.undo()
    assert load(folder) == growth
    assert [f.name for f in folder.parent.iterdir()] == [folder.name]
