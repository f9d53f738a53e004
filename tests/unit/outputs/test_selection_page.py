"""The page of rankers over time: whole in itself, escaped, and saying what was found."""

from __future__ import annotations

import re
from datetime import date
from html.parser import HTMLParser

import pytest
from tests.unit.evaluation.walked import backtest_of, walked

from smartaccounts.evaluation.canvas import canvas
from smartaccounts.evaluation.intervals import Interval
from smartaccounts.evaluation.selection import Selection, selection
from smartaccounts.outputs.selection_page import day, ends, number, page, share
from smartaccounts.outputs.vector import svg

EVIL = "<script>alert('x')</script>&\"'"
WORDS = ("One sentence & more.", f"Another {EVIL}.")
VOID = {"meta", "br", "use"}


class Elements(HTMLParser):
    """Every opening tag with its attributes; fails where one is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def followed(name: str = "up", months: int = 4) -> Selection:
    lists = {name: "abcd", "down": "dcba"}
    return selection(backtest_of([walked(date(2020, m + 1, 1), lists, "a") for m in range(months)]))


@pytest.fixture(scope="module")
def text() -> str:
    return page(followed(), WORDS)


def test_the_page_is_well_formed_and_its_ids_are_single(text: str) -> None:
    elements = Elements(text).seen
    ids = [a["id"] for _, a in elements if "id" in a]
    assert len(ids) == len(set(ids)) > 20
    assert [t for t, _ in elements].count("svg") == 10  # five figures, wide and narrow
    assert all(a.get("aria-label") for t, a in elements if t == "svg")
    assert [t for t, _ in elements].count("h1") == 1


def test_nothing_is_fetched_and_nothing_runs(text: str) -> None:
    elements = Elements(text).seen
    assert {t for t, _ in elements} & {"script", "link", "iframe", "object", "embed", "img"} == set()
    fetched = [v for _, a in elements for k, v in a.items() if k in ("src", "href", "xlink:href", "srcset", "action")]
    assert all(v and v.startswith("#") for v in fetched)
    assert not re.search(r"@import|url\((?!#)", text)


def test_every_reference_inside_a_figure_is_to_something_on_the_page(text: str) -> None:
    ids = {a["id"] for _, a in Elements(text).seen if "id" in a}
    assert set(re.findall(r"url\(#([^)]+)\)", text)) | set(re.findall(r'href="#([^"]+)"', text)) <= ids


def test_names_and_words_are_escaped() -> None:
    said = page(followed(EVIL), WORDS)
    Elements(said)
    assert "<script" not in said
    assert "alert" in said
    assert "One sentence &amp; more." in said


def test_colours_follow_light_and_dark(text: str) -> None:
    drawings = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    assert not re.search(r"#(222222|666666|b5b5b5|e6e6e6|0072b2)", drawings)
    used = set(re.findall(r"var\(--(\w+)\)", text))
    assert "prefers-color-scheme: dark" in text
    for rule in re.findall(r":root \{(.*?)\}", text, flags=re.DOTALL):
        assert used <= set(re.findall(r"--(\w+):", rule))


@pytest.mark.slow
def test_the_same_selection_gives_the_same_page(text: str) -> None:
    assert page(followed(), WORDS) == text


def test_the_page_says_the_figures(text: str) -> None:
    words = " ".join(re.sub(r"<[^>]*>", " ", re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)).split())
    assert "shop: 4 past lists from 1 Jan 2020 to 1 Apr 2020" in words
    assert "4 of 4 dates at which nothing was better" in words
    assert "1 Mar 2020 up up the best" in words


@pytest.mark.slow
def test_a_single_date_says_that_nothing_could_be_chosen() -> None:
    said = page(followed(months=1), WORDS)
    assert "a choice would have had to" in said
    assert "How stable are the lists?" not in said
    assert "1 past list from" in said


def test_numbers_shares_and_dates_as_they_are_written() -> None:
    nan = float("nan")
    assert (number(0.1234), number(8.44, 1), number(nan)) == ("0.123", "8.4", "\N{EN DASH}")
    assert (share(0.694), share(0.0123), share(nan)) == ("69%", "1.2%", "\N{EN DASH}")
    assert (ends(Interval(0.2, 0.1, 0.3)), ends(Interval(0.2, nan, nan))) == ("0.100 to 0.300", "")
    assert day(date(2011, 2, 1)) == "1 Feb 2011"


def test_a_figure_has_real_text_that_is_escaped() -> None:
    figure, (axes,) = canvas("", "")
    axes.set_title("a < b & <b>c</b>")
    made = svg(figure, name="one", label=EVIL)
    assert "a &lt; b &amp; &lt;b&gt;c&lt;/b&gt;" in made
    assert "<script" not in made
    assert "font-family" not in made
