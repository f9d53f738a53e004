"""The list before: which folder it is in, and what is refused."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smartaccounts.errors import InputError, PipelineError
from smartaccounts.growth_list.previous import COLUMNS, find_previous, list_digest, read_previous

AS_OF = date(2024, 3, 1)


def frame_of(day: str, **change: Any) -> pd.DataFrame:
    said = {
        "rank": [1, 2, 3], "market": ["m", "m", "n"], "customer_id": ["1", "2", "1"], "name": [None, "B", "C"],
        "probability": [0.3, 0.2, np.nan], "spend_h": [10.0, 20.0, 30.0], "orders_365d": [1.0, 2.0, 3.0],
        "recency_days": [4.0, 5.0, 6.0], "as_of": [date.fromisoformat(day)] * 3, "model_version": ["v"] * 3,
        "listed": [True, False, True], "more": [1, 2, 3],
    }  # fmt: skip
    return pd.DataFrame(said | change)


def list_in(folder: Path, day: str, pipeline: str = "shop", *, days: int = 91, **change: Any) -> Path:
    folder.mkdir()
    pq.write_table(pa.Table.from_pandas(frame_of(day, **change), preserve_index=False), folder / "growth_list.parquet")
    digest = list_digest((folder / "growth_list.parquet").read_bytes())
    said = {"pipeline": pipeline, "as_of": day, "horizon_days": days, "list_digest": digest}
    (folder / "run.json").write_text(json.dumps(said))
    return folder


def test_the_latest_before_in_the_folders_beside(tmp_path: Path) -> None:
    for name, day in (("a", "2024-01-01"), ("b", "2024-02-01"), ("c", "2024-03-01"), ("d", "2024-04-01")):
        list_in(tmp_path / name, day)
    list_in(tmp_path / "e", "2024-02-15", pipeline="other")
    list_in(tmp_path / ".hidden", "2024-02-20")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    found = find_previous(tmp_path / "new", "shop", AS_OF, horizon_days=91)
    assert found.passed_over == ()
    assert found.previous is not None
    assert found.previous.as_json() == {"folder": "b", "as_of": "2024-02-01", "digest": found.previous.digest}
    assert list(found.previous.frame) == COLUMNS


def test_never_the_folder_itself_whatever_it_is_called(tmp_path: Path) -> None:
    list_in(tmp_path / "out", "2024-01-01")
    (tmp_path / "link").symlink_to(tmp_path / "out")
    for out in (tmp_path / "out", tmp_path / "link", tmp_path / "new" / ".." / "out"):
        assert find_previous(out, "shop", AS_OF, horizon_days=91).previous is None
    assert find_previous(tmp_path / "not" / "there" / "yet", "shop", AS_OF, horizon_days=91).previous is None


def test_of_one_date_the_first_in_the_alphabet(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        list_in(tmp_path / name, "2024-01-01")
    found = find_previous(tmp_path / "new", "shop", AS_OF, horizon_days=91).previous
    assert found is not None
    assert found.folder == "a"


def test_what_cannot_be_read_is_said_and_passed_over(tmp_path: Path) -> None:
    list_in(tmp_path / "a", "2024-01-01")
    list_in(tmp_path / "b", "2024-02-01")
    (tmp_path / "b" / "growth_list.parquet").write_bytes(b"no parquet")
    list_in(tmp_path / "c", "2024-02-02")
    (tmp_path / "c" / "growth_list.parquet").unlink()
    list_in(tmp_path / "d", "2024-02-03")
    (tmp_path / "d" / "run.json").write_text("{")
    found = find_previous(tmp_path / "new", "shop", AS_OF, horizon_days=91)
    assert found.previous is not None
    assert found.previous.folder == "a"
    assert found.passed_over == ("d", "c", "b")


def test_a_list_of_another_horizon_does_not_compare(tmp_path: Path) -> None:
    folder = list_in(tmp_path / "a", "2024-01-01", days=182)
    assert find_previous(tmp_path / "new", "shop", AS_OF, horizon_days=91).previous is None
    with pytest.raises(PipelineError, match="Expected a list with a horizon of 91 days, got one of 182 days"):
        read_previous(folder, "shop", AS_OF, horizon_days=91)


def test_a_folder_that_may_not_be_entered_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    list_in(tmp_path / "a", "2024-01-01")

    def refused(_: Path) -> bool:
        raise PermissionError

    monkeypatch.setattr(Path, "is_file", refused)
    assert find_previous(tmp_path / "new", "shop", AS_OF, horizon_days=91).previous is None


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    for name, ranks in (("a", [1, 2, 3]), ("b", [1, 2, 3]), ("c", [2, 1, 3])):
        list_in(tmp_path / name, "2024-01-01", rank=ranks)
    a, b, c = (read_previous(tmp_path / name, "shop", AS_OF, horizon_days=91) for name in "abc")
    assert a.digest == b.digest != c.digest
    assert a.digest.startswith("3-")
    assert c.frame["customer_id"].tolist() == ["2", "1", "1"]  # by rank


def test_listed_goes_by_market_and_customer(tmp_path: Path) -> None:
    previous = read_previous(list_in(tmp_path / "a", "2024-01-01"), "shop", AS_OF, horizon_days=91)
    rows = pd.DataFrame({"market": ["n", "m", "m", "n"], "customer_id": ["1", "1", "2", "9"]}).astype("str")
    assert previous.listed(rows).tolist() == [True, True, False, False]


def test_a_folder_that_is_no_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "none"):
        with pytest.raises(PipelineError, match=r"Expected a growth list, got no run\.json in"):
            read_previous(folder, "shop", AS_OF, horizon_days=91)


@pytest.mark.parametrize("day", ["2024-03-01", "2024-05-01"])
def test_a_list_of_the_same_day_or_later_is_refused(tmp_path: Path, day: str) -> None:
    with pytest.raises(PipelineError, match=f"Expected a list of before 2024-03-01, got one of {day}"):
        read_previous(list_in(tmp_path / "a", day), "shop", AS_OF, horizon_days=91)


def test_a_list_of_another_pipeline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="of the pipeline 'shop', got one of 'other'"):
        read_previous(list_in(tmp_path / "a", "2024-01-01", pipeline="other"), "shop", AS_OF, horizon_days=91)


@pytest.mark.parametrize("column", ["listed", "spend_h"])
def test_a_list_without_a_column_names_it(tmp_path: Path, column: str) -> None:
    folder = list_in(tmp_path / "a", "2024-01-01")
    frame = frame_of("2024-01-01").drop(columns=column)
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), folder / "growth_list.parquet")
    with pytest.raises(InputError, match=f"got none for '{column}' in .*growth_list.parquet"):
        read_previous(folder, "shop", AS_OF, horizon_days=91)


@pytest.mark.parametrize("change", [{"rank": [2, 1, 3]}, {"more": [1, 2, 4]}], ids=["other ranks", "beside"])
def test_a_file_that_was_changed_after_it_was_written_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    folder = list_in(tmp_path / "a", "2024-01-01")
    changed = pa.Table.from_pandas(frame_of("2024-01-01", **change), preserve_index=False)
    pq.write_table(changed, folder / "growth_list.parquet")
    with pytest.raises(
        InputError, match=r"Expected the file that was written with run\.json \(3-\w{16}\), got another"
    ):
        read_previous(folder, "shop", AS_OF, horizon_days=91)
    found = find_previous(tmp_path / "new", "shop", AS_OF, horizon_days=91)
    assert (found.previous, found.passed_over) == (None, ("a",))


def test_a_later_list_does_not_pass_for_an_earlier_one_by_what_its_run_says(tmp_path: Path) -> None:
    folder = list_in(tmp_path / "a", "2024-04-01")
    said = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(said | {"as_of": "2024-01-01"}))
    with pytest.raises(InputError, match="Expected the growth list of 2024-01-01"):
        read_previous(folder, "shop", AS_OF, horizon_days=91)


@pytest.mark.parametrize(
    "change",
    [{"as_of": [date(2023, 1, 1)] * 3}, {"market": ["m"] * 3, "customer_id": ["1"] * 3}, {"rank": ["a", "b", "c"]}],
    ids=["other day", "twice", "no numbers"],
)
def test_rows_that_are_not_the_list_of_the_run_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"Expected .*growth list.*growth_list\.parquet"):
        read_previous(list_in(tmp_path / "a", "2024-01-01", **change), "shop", AS_OF, horizon_days=91)


def test_a_run_that_says_nothing_is_refused(tmp_path: Path) -> None:
    folder = list_in(tmp_path / "a", "2024-01-01")
    for content, got in (("{}", "no 'pipeline'"), ("[]", "what cannot be read"), ("{", "what cannot be read")):
        (folder / "run.json").write_text(content)
        with pytest.raises(PipelineError, match=f"got {got}"):
            read_previous(folder, "shop", AS_OF, horizon_days=91)
