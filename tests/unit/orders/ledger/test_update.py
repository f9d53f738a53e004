"""What an update reads, replaces and leaves alone."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from tests.unit.orders.ledger.conftest import HEADER, TODAY, Shop

from smartaccounts.errors import InputError, PipelineError
from smartaccounts.orders.ledger import ingest
from smartaccounts.orders.ledger.manifest import Manifest, save

Make = Callable[..., Shop]


def test_the_first_update_reads_all_and_the_next_nothing(shop: Make) -> None:
    source = shop()
    assert source.update().read == ("weeks/1.csv", "weeks/2.csv")
    again = source.update()
    assert (again.read, again.appended, again.gone) == ((), (), ())
    assert again.held.intake.rows_out == 3
    assert (source.folder / "ledger" / ".gitignore").read_text() == "*\n"
    assert source.is_its_source()


def test_a_new_file_is_read_alone(shop: Make) -> None:
    source = shop()
    source.update()
    before = source.parts
    source.write("3.csv", "c,2025-01-16,4")
    assert source.update().read == ("weeks/3.csv",)
    assert source.parts > before
    assert source.is_its_source()


def test_the_lines_of_a_corrected_file_are_replaced(shop: Make) -> None:
    source = shop()
    source.update()
    source.write("1.csv", "a,2025-01-02,10", "b,2025-01-03,2")
    assert source.update().read == ("weeks/1.csv",)
    assert {row[7] for row in source.read()[0]} == {10.0, 2.0, 3.0}
    assert source.is_its_source()


def test_a_correction_of_the_same_length_and_time_is_found_by_content(shop: Make) -> None:
    source = shop()
    old = 1_700_000_000_000_000_000
    os.utime(source.file("1.csv"), ns=(old, old))
    source.update()
    source.write("1.csv", "a,2025-01-02,9", "b,2025-01-03,2")
    os.utime(source.file("1.csv"), ns=(old, old))
    assert source.update().read == ()  # nothing but the content differs
    assert source.update(thorough=True).read == ("weeks/1.csv",)
    assert source.is_its_source()


def test_of_a_csv_that_grew_only_the_new_lines_are_read(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    source = shop()
    source.update()
    source.append("2.csv", "c,2024-12-01,4\n,2025-01-10,5\n")
    monkeypatch.setattr(ingest, "whole", None)
    assert source.update().appended == ("weeks/2.csv",)
    assert [s.tally[0][1] for s in source.manifest.files[1].segments] == [1, 1]
    assert source.is_its_source()


@pytest.mark.parametrize(("more", "grew"), [("7\n", False), ("\nc,2025-01-10,4\n", True), ("\n", True)])
def test_a_last_line_may_lack_its_end(shop: Make, more: str, grew: bool) -> None:
    source = shop()
    source.file("2.csv").write_text(HEADER + "a,2025-01-09,3")
    source.update()
    source.append("2.csv", more)
    done = source.update()
    assert (done.read, done.appended) == (((), ("weeks/2.csv",)) if grew else (("weeks/2.csv",), ()))
    assert source.is_its_source()


@pytest.mark.parametrize(
    ("header", "settings"),
    [("customer,date,amount,naïve\n".encode("latin-1"), {}), (b'customer,date,amount,"two\nlines"\n', {}),
     ("customer,date,amount,n\n".encode("utf-16"), {})],
)  # fmt: skip
def test_a_csv_whose_header_cannot_stand_before_a_part_is_read_whole(
    shop: Make, header: bytes, settings: dict[str, str]
) -> None:
    source, encoding = shop(source=settings), "utf-16-le" if header.startswith(b"\xff\xfe") else "latin-1"
    source.file("2.csv").write_bytes(header + "a,2025-01-09,3,ü\n".encode(encoding))
    source.update()
    with source.file("2.csv").open("ab") as file:
        file.write("c,2025-01-10,4,ü\n".encode(encoding))
    done = source.update()
    assert (done.read, done.appended) == (("weeks/2.csv",), ())
    assert source.is_its_source()
    assert done.held.intake.notes == source.read(ledger=False)[1].intake.notes != ()


@pytest.mark.slow
def test_lines_that_are_not_utf_8_are_counted_over_all_parts_of_a_file(shop: Make) -> None:
    source = shop()
    source.update()
    for name in ("ü", "é"):
        with source.file("2.csv").open("ab") as file:
            file.write(f"{name},2025-01-10,4\n".encode("latin-1"))
        assert source.update().appended == ("weeks/2.csv",)
        assert source.is_its_source()
    assert "2 lines are not utf-8" in source.read()[1].intake.notes[0]


def test_a_gzip_that_grew_is_read_whole(shop: Make) -> None:
    source = shop()
    source.file("2.csv.gz").write_bytes(gzip.compress(f"{HEADER}c,2025-01-10,4\n".encode()))
    source.update()
    with source.file("2.csv.gz").open("ab") as file:
        file.write(gzip.compress(b"d,2025-01-11,5\n"))
    assert source.update().read == ("weeks/2.csv.gz",)
    assert source.is_its_source()


def test_a_file_that_was_only_touched_is_not_read(shop: Make) -> None:
    source = shop()
    source.update()
    os.utime(source.file("1.csv"))
    assert source.update().read == ()
    assert source.manifest.files[0].mtime_ns == source.file("1.csv").stat().st_mtime_ns


def test_lines_of_a_file_that_is_gone_go_only_when_asked(shop: Make) -> None:
    source = shop()
    source.update()
    source.file("1.csv").unlink()
    with pytest.raises(InputError, match=r"1 that are gone \('weeks/1.csv'\)") as error:
        source.update()
    assert "--gone" in error.value.hint
    assert len(source.manifest.files) == 2
    assert source.update(let_go=True).gone == ("weeks/1.csv",)
    assert source.is_its_source()


def test_a_rebuild_forgets_no_file_unasked(shop: Make) -> None:
    source = shop()
    source.update()
    source.file("1.csv").unlink()
    with pytest.raises(InputError, match=r"1 that are gone \('weeks/1.csv'\)"):
        source.update(rebuild=True)
    assert len(source.manifest.files) == 2
    assert source.update(rebuild=True, let_go=True).gone == ("weeks/1.csv",)
    assert source.is_its_source()


def test_another_end_of_line_than_the_file_s_own_is_read_with_the_whole(shop: Make) -> None:
    source = shop()
    source.file("1.csv").write_bytes(b"customer,date,amount\na,2025-01-02,1")
    source.update()
    with source.file("1.csv").open("ab") as file:
        file.write(b"\r\nb,2025-01-03,2\n")
    try:
        whole = source.read(ledger=False)[0]
    except InputError:
        with pytest.raises(InputError):
            source.update()
    else:
        assert source.update().read == ("weeks/1.csv",)
        assert source.read()[0] == whole


@pytest.mark.parametrize(
    "content", ["", "customer,date\na,2025-01-02\n", HEADER + '"a,2025-01-02,1\n'], ids=["empty", "column", "quote"]
)
def test_a_file_that_cannot_be_read_leaves_the_ledger_as_it_was(shop: Make, content: str) -> None:
    source = shop()
    source.update()
    before = source.manifest, source.parts
    source.write("3.csv", "c,2025-01-16,4")
    source.file("4.csv").write_text(content)
    with pytest.raises(InputError, match=r"4\.csv") as said:
        source.update()
    assert (source.manifest, source.parts) == before
    with pytest.raises(InputError) as whole:
        source.read(ledger=False)
    assert str(said.value).split(" in ")[0][:60] == str(whole.value).split(" in ")[0][:60]


def test_an_interruption_leaves_the_ledger_as_it_was(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    source = shop()
    source.update()
    before = source.manifest, source.parts
    source.write("3.csv", "c,2025-01-16,4")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("smartaccounts.orders.ledger.update.save", stop)
        with pytest.raises(KeyboardInterrupt):
            source.update()
    assert (source.manifest, source.parts) == before
    assert source.update().read == ("weeks/3.csv",)


def test_an_interruption_just_after_the_manifest_was_written_loses_nothing(
    shop: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = shop()
    source.update()
    source.write("3.csv", "c,2025-01-16,4")

    def stop(manifest: Manifest, folder: Path) -> None:
        save(manifest, folder)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("smartaccounts.orders.ledger.update.save", stop)
        with pytest.raises(KeyboardInterrupt):
            source.update()
    assert source.is_its_source()


def test_an_interrupted_first_update_leaves_no_folder_of_parts(shop: Make) -> None:
    source = shop()
    source.file("1.csv").write_text("nothing")
    with pytest.raises(InputError):
        source.update()
    assert list((source.folder / "ledger").iterdir()) == []


def test_a_file_written_while_it_is_read_is_refused(shop: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    source, before = shop(), ingest.digest

    def writes(file: Path) -> str:
        found = before(file)
        source.append("1.csv", "c,2025-01-04,1\n")
        return found

    monkeypatch.setattr(ingest, "digest", writes)
    with pytest.raises(InputError, match="changed while it was read"):
        source.update()


def test_replaced_parts_stay_until_the_next_update(shop: Make) -> None:
    source = shop()
    source.update()
    old = {p.name for p in source.manifest.files[0].parts}
    source.write("1.csv", "a,2025-01-02,10")
    source.update()
    assert old <= source.parts  # somebody may be reading them
    assert old.isdisjoint(p.name for p in source.manifest.parts)
    source.update()
    assert source.parts == {p.name for p in source.manifest.parts}


def test_a_rebuild_reads_all_and_needs_no_manifest_that_can_be_read(shop: Make) -> None:
    source = shop()
    source.update()
    (source.folder / "ledger" / "manifest.json").write_text("{")
    with pytest.raises(InputError, match=r"Expected a ledger of format 2, got one that cannot be read"):
        source.update()
    assert len(source.update(rebuild=True).read) == 2
    assert source.parts == {p.name for p in source.manifest.parts}
    assert source.is_its_source()


def test_a_folder_with_other_files_is_refused(shop: Make) -> None:
    source = shop()
    (source.folder / "ledger" / "parts").mkdir(parents=True)
    (source.folder / "ledger" / "parts" / "mine.parquet").write_text("")
    with pytest.raises(PipelineError, match=r"other files \('parts/mine.parquet'\)"):
        source.update()
    assert source.parts == {"mine.parquet"}


def test_a_ledger_among_the_files_of_its_source_is_refused(shop: Make) -> None:
    source = shop(source={"path": "**/*.*"})
    source.update()
    with pytest.raises(PipelineError, match="Expected a ledger apart from the source's files"):
        source.update()


def test_a_source_of_which_most_cannot_be_read_is_refused_as_without_a_ledger(shop: Make) -> None:
    source = shop()
    source.write("3.csv", *["c,1.2.2025,4"] * 9)
    with pytest.raises(InputError) as whole:
        source.read(ledger=False)
    with pytest.raises(InputError) as said:
        source.update()
    assert str(said.value) == str(whole.value)


def test_an_update_of_an_earlier_day_is_none(shop: Make) -> None:
    source = shop()
    source.update()
    with pytest.raises(
        InputError, match="Expected a day from 2025-06-01 on, when the ledger was updated, got 2025-05-"
    ):
        source.read(today=date(2025, 5, 31))
    assert source.is_its_source(today=TODAY)
