"""The page of a growth list: whole in itself, escaped, and saying the figures of the list."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html import unescape

import numpy as np
import pandas as pd
import pytest
from tests.unit.outputs.lists import HOSTILE, shown_of
from tests.unit.outputs.test_selection_page import Elements

from smartaccounts.growth_list.facts import Concentration
from smartaccounts.growth_list.words import words
from smartaccounts.outputs import drawn
from smartaccounts.outputs.page import page
from smartaccounts.outputs.page_figures import expected, gain, mix, profit, quadrant
from smartaccounts.outputs.page_rows import content, embedded
from smartaccounts.outputs.shown import Shown

VOID = {"meta", "br", "link", "input"}


class Parsed(Elements):
    """Every opening tag; the elements without an end are those of this page."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def shown() -> Shown:
    return shown_of()


@pytest.fixture(scope="module")
def text(shown: Shown) -> str:
    return page(shown)


def visible(text: str) -> str:
    """Return what stands on the page in words."""
    text = re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", text)).split())


def rows_on(text: str) -> dict[str, list[object]]:
    """Return the columns of the tables."""
    found = re.search(r'<script type="application/json" id="rows">(.*?)</script>', text, flags=re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("language", ["en", "de"])
def test_the_page_is_well_formed_and_its_ids_are_single(bare: bool, language: str) -> None:
    elements = Parsed(page(shown_of(120, listed=60, bare=bare, language=language))).seen
    ids = [a["id"] for _, a in elements if "id" in a]
    assert len(ids) == len(set(ids)) > 60
    assert [t for t, _ in elements].count("details") >= 60
    assert {a["lang"] for t, a in elements if t == "html"} == {language}
    assert all(a.get("aria-label") for t, a in elements if t == "svg")
    targets = {a["href"] for t, a in elements if t == "a"}
    assert {f"#{i}" for i in ids} >= targets


def test_nothing_can_be_fetched_and_only_our_script_runs(text: str) -> None:
    elements = Parsed(text).seen
    assert {t for t, _ in elements} & {"iframe", "object", "embed", "img", "base", "form"} == set()
    fetched = [v for _, a in elements for k, v in a.items() if k in ("src", "href", "xlink:href", "srcset", "action")]
    assert all(v and v.startswith(("#", "data:,")) for v in fetched)
    assert not re.search(r"@import|url\(", text)
    policy = next(a["content"] for t, a in elements if a.get("http-equiv") == "Content-Security-Policy")
    script = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    assert policy
    assert policy.startswith("default-src 'none'")
    assert [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() in policy for s in script] == [True]
    assert not any(k.startswith("on") for _, a in elements for k in a)


def test_every_hostile_name_is_escaped(text: str) -> None:
    assert [t for t, _ in Parsed(text).seen].count("script") == 2
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "{{ 7 * 7 }} {% raw %}" in visible(text)
    names = rows_on(text)["columns"]["name"]
    assert {n for n in HOSTILE if n.strip()} <= set(names)


def test_data_cannot_leave_their_element() -> None:
    evil = {"a": ["</script><!--<script>", "\u2028\u2029", "&amp;", "\x00"]}
    said = str(embedded(evil))
    assert not re.search("[<>&\u2028\u2029\x00]", said)
    assert json.loads(said) == evil


def test_the_same_list_gives_the_same_bytes(text: str) -> None:
    assert page(shown_of()) == text


def test_the_page_says_the_figures_of_the_list(shown: Shown, text: str) -> None:
    said = visible(text)
    number = shown.facts.expected
    assert number is not None
    assert f"Of the 50 on this list expect {number.low} to {number.high}; of 50 picked by last year's spend" in said
    assert "found clearly more new key accounts than every ranking by past spend" in said
    assert "Orders known up to November 28, 2025. Model shop-7." in said
    assert "The ten largest customers bring 41% of spend, and 38% if the list delivers" in said
    first = shown.listed.iloc[0]
    assert f"{first['spend_12m']:,.0f}" in said
    for reason in (*first["reasons_for"], *first["reasons_against"]):
        assert reason in said
    assert "Gone from the list: 4" in said


def test_a_bare_list_leaves_out_what_it_does_not_know() -> None:
    text = page(shown_of(bare=True, markets=1))
    said = visible(text)
    assert "nan" not in said.lower().split()
    assert "None" not in said.split()
    for absent in ('id="changes"', 'id="small"', 'id="evidence"', 'data-facet="', "data-new value", "<svg"):
        assert absent not in text
    assert 'id="rest"' in text
    assert "This list is a plain ranking" in said


@pytest.mark.parametrize("column", ["spend_prior_12m", "key_spend", "orders_365d", "recency_days", "peers", "spend_h"])
def test_single_nulls_are_no_error(shown: Shown, column: str) -> None:
    frame = shown.frame.copy()
    frame.loc[::2, column] = np.nan
    assert "nan" not in visible(page(replace(shown, frame=frame))).lower().split()


def test_a_list_of_one_and_a_list_of_all() -> None:
    for rows, listed in ((1, 1), (30, 30)):
        text = page(shown_of(rows, listed=listed))
        Parsed(text)
        assert 'id="rest"' not in text


def test_the_tables_hold_every_row_once_as_it_is_shown(shown: Shown) -> None:
    made = content(shown)
    columns, levels = made["columns"], made["levels"]
    assert columns["rank"] == shown.frame["rank"].tolist()
    assert made["listed"] == 50
    assert columns["spend_12m"] == [round(v) for v in shown.frame["spend_12m"]]
    assert [levels["market"][m] for m in columns["market"]] == shown.frame["market"].tolist()
    assert np.allclose(columns["probability"], shown.frame["probability"], atol=0.0005)
    assert sum(columns["keep_small"]) == int(shown.frame["keep_small"].sum())


def test_a_further_attribute_is_a_filter_and_stands_beside_the_name(shown: Shown) -> None:
    teams = pd.Series(["Team <A>", "B", None, "B"] * 100, dtype="str")
    text = page(replace(shown, frame=shown.frame.assign(**{"Key account team": teams}), per="Key account team"))
    assert '<select data-facet="Key account team">' in text
    assert "<span>Key account team</span>" in text
    assert text.count("<bdi>Team &lt;A&gt;</bdi>") == 13  # of 50 listed
    made = rows_on(text)
    assert made["levels"]["Key account team"] == ["B", "Team <A>"]
    assert made["columns"]["Key account team"][:4] == [1, 0, None, 0]
    assert made["attributes"][-1] == "Key account team"


def test_what_a_page_cannot_hold_is_said(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smartaccounts.outputs.shown.MOST", 100)
    text = page(replace(shown))  # what a list holds is remembered
    assert len(rows_on(text)["columns"]["rank"]) == 150
    assert "This page holds the first 100 of 350; all are in growth_list.csv." in visible(text)


def test_colours_follow_light_and_dark(text: str) -> None:
    drawings = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    drawings = re.sub(r'href="#[^"]*"|<title>.*?</title>|aria-label="[^"]*"|&#\d+;', "", drawings)
    assert not re.search(r"#|rgb|hsl", drawings)
    used = set(re.findall(r"var\(--(\w+)\)", text)) - {"columns"}
    rules = re.findall(r":root \{(.*?)\}", text, flags=re.DOTALL)
    assert len(rules) == 3  # light, dark, paper
    for rule in rules:
        assert used <= set(re.findall(r"--(\w+):", rule))


def test_text_can_be_read_on_its_ground(text: str) -> None:
    for rule in re.findall(r":root \{(.*?)\}", text, flags=re.DOTALL):
        colour = dict(re.findall(r"--(\w+): *(#\w+)", rule))
        for ink in ("ink", "soft", "accent", "warn"):
            for ground in ("paper", "card"):
                assert contrast(colour[ink], colour[ground]) >= 4.5, (ink, ground, rule)
        pairs = [("on", "accent"), ("paper", "warn"), *((f"o{i}", f"t{i}") for i in range(4))]
        for ink, ground in pairs:
            assert contrast(colour[ink], colour[ground]) >= 3.9, (ink, ground, rule)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (WCAG 2)."""

    def light(colour: str) -> float:
        whole = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
        parts = [int(whole[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_both_languages_say_the_same_things_with_the_same_values() -> None:
    one, other = words("en").messages, words("de").messages
    for key in one:
        if key.split(".")[0] in ("page", "columns", "notes", "summary"):
            assert set(re.findall(r"\{[^}]*\}", one[key])) == set(re.findall(r"\{[^}]*\}", other[key])), key


def test_nobody_listed_leaves_no_empty_controls(shown: Shown) -> None:
    text = page(
        replace(shown, frame=shown.frame.assign(listed=False), blocks=None, facts=replace(shown.facts, listed=0))
    )
    assert 'data-view="listed"' not in text
    assert "Open all shown" not in text
    assert 'data-view="rest"' in text


def test_dependence_on_large_customers_is_said_in_figures(shown: Shown, text: str) -> None:
    assert shown.facts.today is not None
    assert f"{shown.facts.today.largest_1:.0%} of spend, the five largest {shown.facts.today.largest_5:.0%}" in text
    assert f"concentration (HHI, from 0 to 1) {shown.facts.today.hhi:.4f}." in text


def test_ticks_are_round_and_inside() -> None:
    assert drawn.ticks(0, 50) == [0, 10, 20, 30, 40, 50]
    assert drawn.ticks(-3000, 41_000) == [0, 10_000, 20_000, 30_000, 40_000]
    assert drawn.ticks(0, 0) == [0]
    assert drawn.decades(150, 12_000) == [200, 500, 1000, 2000, 5000, 10_000]
    moved = drawn.apart([10.0, 12.0, 100.0], 15, low=0, high=100)
    assert np.diff(moved).min() >= 15
    assert drawn.apart([95.0, 98.0], 15, low=0, high=100) == [85, 100]


def test_history_stands_where_it_belongs(shown: Shown) -> None:
    blocks = pd.DataFrame(np.nan, index=range(50), columns=range(24))
    blocks.iloc[0, 23], blocks.iloc[1, :] = 500.0, -10.0
    text = page(replace(shown, blocks=blocks))
    Parsed(text)
    labels = re.findall(r'aria-label="Spend per 30 days over two years; ([^"]*)"', text)
    assert labels == ["at most 500, 500 in the latest", "at most 0, -10 in the latest"]


def test_the_gain_at_the_capacity_is_what_stands_on_top(shown: Shown) -> None:
    frame = shown.frame.copy()
    frame["listed"] = [i % 2 == 0 and i < 100 for i in range(len(frame))]  # a place in each market, say
    chance = frame.loc[frame["listed"], "probability"].sum()
    drawing = gain(replace(shown, frame=frame))
    height = float(re.findall(r'<circle class="dot" cx="[\d.]+" cy="([\d.]+)"', drawing)[0])
    y = {
        float(v): float(at)
        for at, v in re.findall(r'<text x="46" y="([\d.]+)" class="soft" text-anchor="end">([\d.]+)</text>', drawing)
    }
    top, base = max(y), min(y)
    at_capacity = y[base] - 4 + (chance - base) / (top - base) * (y[top] - y[base])
    assert height == pytest.approx(at_capacity, abs=0.2)


def test_a_newcomer_is_told_where_to_start(shown: Shown, text: str) -> None:
    chance = shown.listed["probability"]
    said = visible(text)
    start = f"expect {round(chance.head(12).sum())} of the first 12 to grow, and {round(chance.sum())} of all 50"
    assert start in said
    assert f"{shown.listed['key_spend'].iloc[0]:,.0f} or more." in said
    assert f"now {shown.listed['spend_h'].iloc[0]:,.0f}" in said
    assert "Those with Develop merit the work, too, and are next in line." in said
    assert "Start at the top" not in visible(page(shown_of(12, listed=12)))


def test_what_money_rests_on_is_said_and_that_nothing_is_known_of_it(shown: Shown) -> None:
    told = replace(shown, told=("How many to take.",), assumed=("An order costs 4.00.",))
    rests = "How many to take. What the money rests on An order costs 4.00."
    assert rests in visible(page(told)).partition("What it pays")[2]
    without = visible(page(replace(told, facts=replace(told.facts, curve=None), assumed=())))
    assert "How many to take." in without.partition("The list")[2].partition("Search by name")[0]


def test_shares_that_read_alike_are_not_compared(shown: Shown) -> None:
    same = replace(shown.facts, delivered=Concentration(0.11, 0.29, 0.412, 0.03))
    said = visible(page(replace(shown, facts=same)))
    assert "The ten largest customers bring 41% of spend, and would if the list delivers" in said


def test_numbers_beside_dots_cover_nothing() -> None:
    rng = np.random.default_rng(0)
    dots = [(float(x), float(y)) for x, y in rng.uniform(0, 90, (12, 2))] + [(50.0, 50.0), (50.0, 50.0)]
    labels = drawn.beside(dots, [str(i) for i in range(1, 15)])
    at = [re.search(r'x="([\d.-]+)" y="([\d.-]+)"', label) for label in labels]
    boxes = [(float(m[1]), float(m[2]) - 4.5, 4.0 * len(str(i))) for i, m in enumerate(at, start=1) if m]
    assert 6 < len(boxes) < 14  # not all have room here
    for i, (x, y, half) in enumerate(boxes):
        assert not any(abs(x - a) < half + 4.9 and abs(y - b) < 10.9 for a, b in dots)
        assert not any(abs(x - a) < half + w - 0.1 and abs(y - b) < 11.9 for a, b, w in boxes[:i])


def test_a_ranking_without_chances_or_potential_draws_no_figures_of_them() -> None:
    bare = shown_of(bare=True)
    assert [gain(bare), quadrant(bare), profit(bare), mix(bare), expected(bare)] == [""] * 5
