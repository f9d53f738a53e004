"""The notebook of docs: what is stored in it is clean, and it runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from ipykernel.kernelspec import write_kernel_spec
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"
KILOBYTES = 300
ABSOLUTE = re.compile(r"/(tmp|work|root|home|Users|var|private)\b|[A-Z]:\\\\")


def opened() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)


def outputs(notebook: Any) -> Iterator[Any]:
    for cell in notebook.cells:
        yield from cell.get("outputs", [])


def kinds(notebook: Any) -> list[list[str]]:
    """Return which kinds of output each code cell has."""
    return [[o.output_type for o in c.outputs] for c in notebook.cells if c.cell_type == "code"]


def check_clean(notebook: Any) -> None:
    """No error, no warning or progress, no path of the machine that it ran on."""
    for output in outputs(notebook):
        assert output.output_type in ("stream", "execute_result")
        assert output.get("name", "stdout") == "stdout", output.text
        assert not ABSOLUTE.search(str(output))


def test_what_is_stored_is_whole_and_clean() -> None:
    notebook = opened()
    nbformat.validate(notebook)
    assert NOTEBOOK.stat().st_size < KILOBYTES * 1000
    check_clean(notebook)
    ran = [c.execution_count for c in notebook.cells if c.cell_type == "code"]
    assert ran == list(range(1, len(ran) + 1))
    shown = "".join(o.data.get("text/html", "") for o in outputs(notebook) if "data" in o)
    for words in ("best plain ranking", "90% interval", "boosting", "to the champion"):
        assert words in shown
    assert not ABSOLUTE.search(NOTEBOOK.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_it_runs_from_the_first_cell_to_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_kernel_spec(tmp_path / "kernels" / "python3")  # the interpreter of this test, whatever else is installed
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    notebook = opened()
    NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    check_clean(notebook)
    assert kinds(notebook) == kinds(opened())
