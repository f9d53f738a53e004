"""How large is the page of a growth list, how long until it can be used, and how long does a filter take?

    python -m benchmarks.page

makes a list of 500 listed accounts and 50,000 others, writes growth_list.html and growth_list.xlsx, opens the page in
Chromium as often as `--repeats` says, and prints sizes, seconds to write, seconds until the tables can be used, and the
slowest of several searches, filters and sorts of the 50,000 rows, each until the browser has drawn it.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.list_speed import timed
from playwright.sync_api import sync_playwright
from tests.conftest import QUIET
from tests.unit.outputs.lists import shown_of

from smartaccounts.outputs.page import write_page
from smartaccounts.outputs.workbook import write_workbook

DRAWN = """(act) => new Promise((done) => {
  const start = performance.now();
  new Function("rest", act)(document.getElementById("rest"));
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
})"""

ACTS = {
    "search for three letters": "const s = rest.querySelector('[data-search]'); s.value = 'elm';"
    "s.dispatchEvent(new Event('input'))",
    "search for nothing": "const s = rest.querySelector('[data-search]'); s.value = '';"
    "s.dispatchEvent(new Event('input'))",
    "filter by market": "const f = rest.querySelector('[data-facet=market]'); f.selectedIndex = 2;"
    "f.dispatchEvent(new Event('change'))",
    "no filter": "rest.querySelector('[data-reset]').click()",
    "sort by spend": "rest.querySelector('[data-sort=spend_12m]').click()",
    "sort by name": "rest.querySelector('[data-sort=name]').click()",
    "sort by name, backwards": "rest.querySelector('[data-sort=name]').click()",
}


def measured(file: Path, repeats: int) -> tuple[list[float], dict[str, list[float]]]:
    """Return seconds until the page can be used, and milliseconds of each act, once per repeat."""
    ready: list[float] = []
    acts: dict[str, list[float]] = {name: [] for name in ACTS}
    command = next(path for n in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(n)))
    with sync_playwright() as driver:
        for _ in range(repeats):
            browser = driver.chromium.launch(executable_path=command, args=list(QUIET))
            page: Any = browser.new_page(viewport={"width": 1280, "height": 900})
            start = time.perf_counter()
            page.goto(file.as_uri(), wait_until="commit")
            page.wait_for_selector("html[data-ready]")
            ready.append(time.perf_counter() - start)
            for name, act in ACTS.items():
                acts[name].append(float(page.evaluate(DRAWN, act)))
            browser.close()
    return ready, acts


def main() -> None:
    """Write the files, open the page, print what came out."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--listed", type=int, default=500)
    options.add_argument("--others", type=int, default=50_000)
    options.add_argument("--repeats", type=int, default=5)
    given = options.parse_args()
    shown = shown_of(given.listed + given.others, listed=given.listed)
    with tempfile.TemporaryDirectory() as folder:
        html, xlsx = (Path(folder) / f"growth_list.{kind}" for kind in ("html", "xlsx"))
        for file, write in ((html, write_page), (xlsx, write_workbook)):
            seconds, _ = timed(lambda file=file, write=write: write(shown, file))
            print(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB, written in {seconds:.1f} s")
        ready, acts = measured(html, given.repeats)
    print(f"usable after {statistics.median(ready):.2f} s (median of {given.repeats}; slowest {max(ready):.2f} s)")
    for name, took in acts.items():
        print(f"{name}: {statistics.median(took):.0f} ms (slowest {max(took):.0f} ms)")


if __name__ == "__main__":
    main()
