"""The page as a reader has it: filtered, sorted and opened by mouse and by keyboard, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.unit.outputs.lists import HOSTILE, shown_of

from smartaccounts.outputs.page import write_page
from smartaccounts.outputs.shown import Shown

pytestmark = pytest.mark.slow


@dataclass
class Opened:
    """A page in the browser, and what it complained of or asked for."""

    page: Any
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def shown() -> Shown:
    return shown_of(800)


@pytest.fixture(scope="module")
def file(shown: Shown, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "growth_list.html"
    write_page(shown, path)
    return path


@pytest.fixture(params=[(1280, 900, "light"), (390, 844, "dark")], ids=["desk", "phone"])
def opened(request: pytest.FixtureRequest, chromium: Any, file: Path) -> Iterator[Opened]:
    width, height, scheme = request.param
    page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    found = Opened(page)
    page.on("console", lambda m: found.complaints.append(m.text))
    page.on("pageerror", lambda e: found.complaints.append(str(e)))
    page.on("dialog", lambda d: (found.complaints.append(d.message), d.dismiss()))
    page.on("request", lambda r: None if r.url in (file.as_uri(), "data:,") else found.complaints.append(r.url))
    page.goto(file.as_uri())
    page.wait_for_selector("html[data-ready]")
    yield found
    assert found.complaints == []
    page.close()


def ranks(page: Any, section: str) -> list[int]:
    """Return the ranks shown in a section, from the top."""
    which = "#list .accounts > li:not([hidden]) .rank" if section == "list" else f"#{section} tbody td:first-child"
    return [int(t.replace(",", "")) for t in page.locator(which).all_text_contents()]


def test_nothing_runs_that_a_name_says_and_nothing_sticks_out(opened: Opened) -> None:
    page = opened.page
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.querySelectorAll('img, iframe').length") == 0
    assert page.evaluate("document.scripts.length") == 2
    page.locator("[data-open='1']").click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator(".accounts details[open]").count() == 50
    named = page.locator("#list .name").all_text_contents()
    assert {n for n in HOSTILE if n.strip() and not set(n) & set("\x00\r\x0b")} <= set(named)


def test_the_list_is_searched_filtered_and_sorted(opened: Opened, shown: Shown) -> None:
    page, listed = opened.page, shown.listed
    assert ranks(page, "list") == list(range(1, 51))
    page.locator("#list [data-facet=market]").select_option(label="market 2")
    of_market = listed[listed["market"] == "market 2"]
    assert ranks(page, "list") == of_market["rank"].tolist()
    page.locator("#list [data-new]").check()
    assert ranks(page, "list") == of_market.loc[of_market["status"] == "new", "rank"].tolist()
    page.locator("#list [data-reset]").click()
    page.locator("#list [data-sort=spend_12m]").click()
    assert ranks(page, "list")[0] == listed.loc[listed["spend_12m"].idxmax(), "rank"]
    assert page.locator("#list [data-sort=spend_12m]").get_attribute("aria-pressed") == "true"
    page.locator("#list [data-sort=spend_12m]").click()
    assert ranks(page, "list")[0] == listed.loc[listed["spend_12m"].idxmin(), "rank"]
    page.locator("#list [data-search]").fill("<SCRIPT>")
    assert page.locator("#list .accounts > li:not([hidden])").count() == 3
    page.locator("#list [data-search]").fill("nobody is called so")
    assert "No account fits" in page.locator("#list [data-count]").inner_text()


def test_an_account_opens_by_keyboard_and_by_a_link(opened: Opened) -> None:
    page = opened.page
    page.locator("#a3 summary").focus()
    page.keyboard.press("Enter")
    inside = page.locator("#a3 .inside")
    inside.wait_for(state="visible")
    assert "Speaks for it" in inside.inner_text()
    assert inside.locator("svg").count() == 2
    page.keyboard.press("Enter")
    inside.wait_for(state="hidden")
    page.locator("#list [data-search]").fill("nobody")
    page.evaluate("location.hash = '#a9'")
    page.locator("#a9 .inside").wait_for(state="visible")
    assert page.evaluate("document.activeElement.closest('li').id") == "a9"


def test_the_tables_are_paged_searched_and_sorted(opened: Opened, shown: Shown) -> None:
    page, rest = opened.page, shown.rest
    assert ranks(page, "rest") == list(range(51, 101))
    page.locator("#rest [data-page='1']").click()
    assert ranks(page, "rest")[0] == 101
    page.locator("#rest [data-sort=spend_12m]").click()
    assert ranks(page, "rest")[0] == rest.loc[rest["spend_12m"].idxmax(), "rank"]
    assert page.locator("#rest th[aria-sort]").get_attribute("aria-sort") == "descending"
    page.locator("#rest [data-search]").fill(str(rest["customer_id"].iloc[7]))
    assert ranks(page, "rest") == [58]
    kept = shown.kept_small["rank"].tolist()
    assert ranks(page, "small") == kept[:50]
    page.locator("#small [data-facet=play]").select_option(label="Automate")
    automate = shown.kept_small[shown.kept_small["play"] == "automate"]
    assert ranks(page, "small") == automate["rank"].tolist()[:50]


def test_numbers_are_the_same_in_the_table_as_in_the_workbook(opened: Opened, shown: Shown) -> None:
    cells = opened.page.locator("#rest tbody tr").first.locator("td").all_inner_texts()
    row = shown.rest.iloc[0]
    chance = row["probability"]
    assert cells[2] == (f"{chance:.0%}" if chance >= 0.1 else f"{chance:.1%}")
    assert cells[3] == f"{row['spend_12m']:,.0f}"


def test_a_german_and_a_bare_page_work(chromium: Any, tmp_path: Path) -> None:
    for name, shown in {"de": shown_of(language="de"), "bare": shown_of(bare=True, markets=1)}.items():
        write_page(shown, tmp_path / f"{name}.html")
        page, complaints = chromium.new_page(viewport={"width": 390, "height": 844}), []
        page.on("console", lambda m, to=complaints: to.append(m.text))
        page.on("pageerror", lambda e, to=complaints: to.append(str(e)))
        page.goto((tmp_path / f"{name}.html").as_uri())
        page.wait_for_selector("html[data-ready]")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.locator("#rest tbody tr").count() == 50
        assert complaints == []
        if name == "de":
            assert "%" in page.locator("#rest tbody td").nth(2).inner_text()
            assert "1 bis 50 von 350" in page.locator("#rest [data-where]").inner_text()
        page.close()


def test_it_prints(opened: Opened, tmp_path: Path) -> None:
    opened.page.pdf(path=str(tmp_path / "page.pdf"), format="A4")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
