"""A folder of files: all of them, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from smartaccounts.errors import PipelineError
from smartaccounts.outputs.staged import check_folder, folder_beside, staged


def test_files_move_up_and_nothing_is_left_beside(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.csv").write_text("old")
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with staged(tmp_path / "out") as folder:
        (folder / "old.csv").write_text("new")
        (folder / "more.csv").write_text("more")
        assert (tmp_path / "out" / "old.csv").read_text() == "old"
    found = {p.name: p.read_text() for p in (tmp_path / "out").iterdir()}
    assert found == {"old.csv": "new", "more.csv": "more", "mine.txt": "mine"}


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError])
def test_an_error_leaves_what_was_there(tmp_path: Path, kind: type[BaseException]) -> None:
    for out in (tmp_path / "new", tmp_path / "old"):
        if out.name == "old":
            out.mkdir()
            (out / "a.csv").write_text("before")
        with pytest.raises(kind), staged(out) as folder:  # noqa: PT012 - half of the work is what is tested
            (folder / "a.csv").write_text("half")
            raise kind
    assert not (tmp_path / "new").exists()
    assert [(p.name, p.read_text()) for p in (tmp_path / "old").iterdir()] == [("a.csv", "before")]


def test_parents_are_made(tmp_path: Path) -> None:
    with staged(tmp_path / "a" / "b") as folder:
        (folder / "x").write_text("")
    assert (tmp_path / "a" / "b" / "x").is_file()


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_file_in_the_way_is_refused_before_anything_is_made(tmp_path: Path, below: str) -> None:
    (tmp_path / "out").write_text("a file")
    for attempt in (check_folder, lambda p: staged(p).__enter__()):
        with pytest.raises(PipelineError) as error:
            attempt(tmp_path / "out" / below)
        assert error.value.message == f"Expected a folder that can be written, got a file in {tmp_path / 'out'}."
        assert error.value.hint == "Choose another --out."
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_what_cannot_be_written_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "list.csv").mkdir()
    with pytest.raises(PipelineError, match="got Is a directory in"), staged(tmp_path) as folder:
        (folder / "list.csv").write_text("x")
    assert [p.name for p in tmp_path.iterdir()] == ["list.csv"]


@pytest.mark.parametrize("was", [None, "old"])
def test_a_whole_folder_takes_the_place_of_another(tmp_path: Path, was: str | None) -> None:
    out = tmp_path / "out"
    if was:
        out.mkdir()
        (out / "before").write_text(was)
    with folder_beside(out) as beside:
        (beside / "now").write_text("new")
        assert (out / "before").exists() == bool(was)
    assert [p.name for p in out.iterdir()] == ["now"]
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError])
def test_an_error_leaves_the_folder_that_was_there(tmp_path: Path, kind: type[BaseException]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "before").write_text("old")
    with pytest.raises(kind), folder_beside(tmp_path / "out"):
        raise kind
    assert (tmp_path / "out" / "before").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_a_folder_that_cannot_be_replaced_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "before").write_text("old")
    right = Path.replace

    def refused(self: Path, to: Path) -> Path:
        if ".partial-" in self.name:
            raise PermissionError(13, "Permission denied")
        return right(self, to)

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(PipelineError, match=r"got Permission denied in .*out"), folder_beside(tmp_path / "out"):
        pass
    assert (tmp_path / "out" / "before").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]
