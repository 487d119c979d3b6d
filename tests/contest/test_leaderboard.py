"""The leaderboard's pages, read back with a parser of their own and, where there is one, in a real browser."""

from __future__ import annotations

import itertools
import math
import random
import re
import unicodedata
from fractions import Fraction
from html.parser import HTMLParser

import numpy as np
import pytest

from dataperf_fast.report.leaderboard import write
from dataperf_fast.report.ranks import Entry, Part, Setting, ranking

VOID = {"meta", "link", "input", "br", "img", "hr"}
HOSTILE = [
    "<script>window.hostile = 1</script>",
    '"><img src=x onerror="window.hostile = 1">',
    "' onmouseover='window.hostile = 1",
    "</svg></title><script>window.hostile = 1</script>",
    "--><script>window.hostile = 1</script>",
    "javascript:window.hostile=1",
    "{{ 7 * 7 }}{% raw %}",
    "abc\u202egnp.exe",
    "a\u2066b\u200fc\u061cd",
    "line\nbreak\r\x00\x1b[31m",
    "half a pair \ud800",
    "x" * 20_000,
    "\n" * 3_000,
    "שלום עולם",
    "",
    "   ",
    "../../etc/passwd",
]


class Page(HTMLParser):
    """A page's elements with their attributes and their texts; fails where tags do not nest."""

    def __init__(self, path):
        super().__init__()
        self.raw = path.read_text(encoding="utf-8")
        self.elements, self.open, self.parents = [], [], []
        self.feed(self.raw)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes), [], [element[0] for element in self.open]))
        assert len(dict(attributes)) == len(attributes)
        if tag not in VOID:
            self.open.append(self.elements[-1])

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        self.parents.append((data, [element[0] for element in self.open]))
        for element in self.open:
            element[2].append(data)

    def all(self, *tags):
        return [(attributes, "".join(texts).strip()) for tag, attributes, texts, _ in self.elements if tag in tags]

    def rows(self):
        """The ranking: a dict a row."""
        rows = []
        for tag, attributes, texts, above in self.elements:
            if tag == "tr" and "tbody" in above:
                rows.append({"class": attributes.get("class", ""), "cells": [], "values": []})
            elif tag in ("td", "th") and "tbody" in above:
                rows[-1]["cells"].append(" ".join("".join(texts).split()))
                rows[-1]["values"].append(attributes.get("data-v"))
            elif tag == "bdi" and "tbody" in above:
                rows[-1].setdefault("name", "".join(texts))
        return rows

    def ids(self):
        return [attributes["id"] for _, attributes, _, _ in self.elements if "id" in attributes]


def board(tmp_path, entries, higher=True, **keywords):
    setting = Setting("one", "One", "macro F1", higher, entries=entries, **keywords)
    paths = write(tmp_path, "Contest", [setting], "today")
    assert [path.name for path in paths] == ["index.html", "one.html", "one.csv", "one.json", "style.css", "table.js"]
    return Page(tmp_path / "one.html")


def random_entries(seed, count=60):
    draw = random.Random(seed)
    odd = [None, math.nan, math.inf, -math.inf]
    entries = []
    for number in range(count):
        score = draw.choice(odd) if draw.random() < 0.15 else draw.choice([draw.randint(0, 9) / 10, draw.gauss(0.5, 1)])
        kind = draw.choice(["submission"] * 4 + ["baseline", "paper"])
        status = draw.choice(["ok"] * 6 + ["invalid", "failed", "pending"])
        entries.append(Entry(f"name {number}", kind, score, status, date=f"2026-01-{draw.randint(1, 28):02}"))
    return entries


@pytest.mark.parametrize("higher", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_ranks_against_brute_force(tmp_path, seed, higher):
    entries = random_entries(seed)
    rows = board(tmp_path, entries, higher).rows()
    by_name = {entry.submission: entry for entry in entries}
    assert sorted(row["name"] for row in rows) == sorted(by_name)

    def scored(entry):
        return entry.status == "ok" and entry.score is not None and math.isfinite(entry.score)

    competing = [entry.score for entry in entries if scored(entry) and entry.kind != "paper"]
    for row in rows:
        entry = by_name[row["name"]]
        rank = ""
        if scored(entry) and entry.kind != "paper":
            rank = str(1 + sum(other > entry.score if higher else other < entry.score for other in competing))
        assert row["cells"][0] == rank
        assert ("baseline" in row["cells"][1]) == (entry.kind == "baseline")
        assert ("own data" in row["cells"][1]) == (entry.kind == "paper")
        if not scored(entry):
            assert row["cells"][2] == (entry.status if entry.status != "ok" else "no score")
    order = [by_name[row["name"]] for row in rows]
    shown = [scored(entry) for entry in order]
    assert shown == sorted(shown, reverse=True)
    scores = [entry.score for entry in order if scored(entry)]
    assert scores == sorted(scores, reverse=higher)
    assert [entry for _, entry in ranking(Setting("one", "One", "m", higher, entries=entries))] == order


def test_equal_scores_share_a_rank(tmp_path):
    scores = [0.9, 0.8, 0.8, 0.7, 0.0, -0.0]
    entries = [Entry(str(number), "submission", score) for number, score in enumerate(scores)]
    entries.append(Entry("printed", "paper", 0.8))
    rows = board(tmp_path, entries).rows()
    assert [row["cells"][0] for row in rows] == ["1", "2", "2", "", "4", "5", "5"]
    assert [row["cells"][2] for row in rows[-2:]] == ["0.0000", "0.0000"]


def test_scores_that_no_float_tells_apart(tmp_path):
    third = Fraction(1, 3)
    scores = [third, third + Fraction(3, 10**25), third - Fraction(3, 10**20), third, third + Fraction(1, 10**4)]
    assert len(set(map(float, scores))) == 2
    rows = board(tmp_path, [Entry("name", "submission", float(score), exact=score) for score in scores]).rows()
    shown = [row["cells"][2].strip("\N{FIGURE SPACE}") for row in rows]
    assert [row["cells"][0] for row in rows] == ["1", "2", "3", "3", "5"]
    assert shown == ["0.3334", f"0.{'3' * 24}633", *[f"0.{'3' * 27}"] * 2, f"0.{'3' * 19}033"]


def test_ranks_of_floats_are_of_the_decimals_that_they_show(tmp_path):
    entries = [Entry("float", "submission", 0.1), Entry("exact", "submission", 0.1, exact=Fraction(1, 10))]
    assert [row["cells"][0] for row in board(tmp_path, entries).rows()] == ["1", "1"]


@pytest.mark.parametrize("seed", range(4))
def test_different_scores_look_different(tmp_path, seed):
    draw = random.Random(seed)
    scores = [draw.random() + draw.choice([0, 10.0 ** -draw.randint(3, 14)]) for _ in range(60)]
    scores += [score + 10.0 ** -draw.randint(3, 16) for score in scores]
    scores += [0.5, 0.49994999999, 0.49995000001, 0.499951, 0.499949, 1e-20, 2e-20, 1e300, 1e12, -3.25]
    rows = board(tmp_path, [Entry("same", "submission", score) for score in scores]).rows()
    shown = [float(row["cells"][2].replace("\N{FIGURE SPACE}", "")) for row in rows]
    assert len(set(shown)) == len(set(scores))
    assert shown == sorted(shown, reverse=True)


def test_four_decimals_where_they_are_enough(tmp_path):
    scores = [0.8124, 0.8123, 0.7, 0.31234561, 0.3123456, 12.5]
    rows = board(tmp_path, [Entry("name", "submission", score) for score in scores]).rows()
    shown = [row["cells"][2].strip("\N{FIGURE SPACE}") for row in rows]
    assert shown == ["12.5000", "0.8124", "0.8123", "0.7000", "0.31234561", "0.31234560"]


def hostile_entries():
    for number, text in enumerate(HOSTILE):
        kind = ["submission", "baseline", "paper"][number % 3]
        score = None if number % 5 == 4 else number / 20
        status = "invalid" if score is None else "ok"
        yield Entry(
            text, kind, score, status, date=text, note=text, tasks={text: 0.3, "task": math.nan},
            curves={text: [0.1, math.nan, 0.4]} if number % 2 else {}, details={text: text},
        )  # fmt: skip


def check_links(folder):
    """Every local link leads somewhere, no identifier is used twice, and nothing is outside."""
    pages = {path.name: Page(path) for path in folder.glob("*.html")}
    for page in pages.values():
        assert len(set(page.ids())) == len(page.ids())
        assert all(re.fullmatch("[a-z0-9-]+", identifier) for identifier in page.ids())
        for tag, attributes, _, _ in page.elements:
            for name in ("href", "src", "xlink:href", "action", "srcset"):
                target = attributes.get(name)
                if target is None or (tag, target) == ("link", "data:,"):
                    continue
                file, _, anchor = target.partition("#")
                assert (folder / file).is_file() if file else anchor
                assert not anchor or anchor in (pages[file] if file else page).ids()
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8").lower()
        assert not re.search(r"https?:|(?:src|href)=.?//|url\(|@import", text)


def test_hostile_texts_stay_texts(tmp_path):
    entries = list(hostile_entries())
    board(tmp_path, entries, curve_label="accuracy")
    check_links(tmp_path)
    for page in (Page(tmp_path / "index.html"), Page(tmp_path / "one.html")):
        assert {attributes.get("src") for attributes, _ in page.all("script")} <= {"table.js"}
        assert not page.all("img", "iframe", "object", "embed", "base", "form")
        handlers = {name for _, attributes, _, _ in page.elements for name in attributes if name.startswith("on")}
        assert not handlers
        assert {unicodedata.category(character) for character in page.raw} & {
            "Cf",
            "Cs",
            "Co",
            "Cn",
            "Zl",
            "Zp",
        } == set()
        assert {character for character in page.raw if unicodedata.category(character) == "Cc"} == {"\n"}
    rows = page.rows()
    assert len(rows) == len(HOSTILE)
    names = {row["name"] for row in rows}
    assert {HOSTILE[0], HOSTILE[3], "abc\\u202egnp.exe", "a\\u2066b\\u200fc\\u061cd", "half a pair \\ud800"} <= names
    assert all(len(name) <= 120 for name in names)
    for attributes, text in page.all("h3", "dt", "dd"):
        assert "hostile" not in str(attributes)
        assert len(text) < 2_100
    # What strangers give stands in an isolating element or, in a picture, alone in its text.
    for text, parents in page.parents:
        if "hostile" in text or "שלום" in text:
            assert parents[-1] == "bdi" or ("svg" in parents and parents[-1] in ("text", "title"))


def test_slugs_that_are_no_file_names(tmp_path):
    for slugs in (["index"], ["a", "a"], ["../a"], ["a/b"], [""], ["A"], ["a\n"]):
        with pytest.raises(ValueError, match="slug"):
            write(tmp_path, "Contest", [Setting(slug, "T", "m", True) for slug in slugs], "today")
    assert not list(tmp_path.iterdir())


def test_nothing_to_show(tmp_path):
    write(tmp_path, "Contest", [], "today")
    assert "no boards yet" in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Nothing has been submitted" in board(tmp_path, []).raw
    check_links(tmp_path)
    page = board(tmp_path, [Entry("a", "submission", math.nan), Entry("b", "submission", None, "failed", note="why")])
    assert [row["cells"][2] for row in page.rows()] == ["no score", "failed"]
    assert "why" in page.rows()[1]["cells"][1]
    assert "No ranked entry yet" in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert not page.all("svg", "article")


ODD_NUMBERS = [math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, -5e-324, 0.0, -0.0, 1e-300, 0.5, 0.5 + 1e-16, 3]


@pytest.mark.parametrize("numbers", [*([number] for number in ODD_NUMBERS), ODD_NUMBERS, [1e308, -1e308], [-5e-324]])
def test_odd_numbers(tmp_path, numbers):
    entries = [
        Entry(
            "name", "submission", number, spread=number, seconds=number, retrains=0,
            tasks={"a": number, "b": None}, curves={"a": [number, *numbers], "b": [number], "c": []} if at % 2 else {},
        )
        for at, number in enumerate(numbers * 2)
    ]  # fmt: skip
    page = board(tmp_path, entries)
    numeric = ["x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height", "points", "data-v", "style"]
    for _, attributes, _, _ in page.elements:
        for name in numeric:
            assert not re.search(r"nan|inf", attributes.get(name, ""))
    assert not re.search(r"\b(nan|inf)\b", page.raw)


def drawn(page):
    """The points of each curve, as numbers."""
    return [
        [tuple(map(float, point.split(","))) for point in attributes["points"].split()]
        for attributes, _ in page.all("polyline")
    ]


def test_curves_keep_their_ends_and_extremes(tmp_path):
    draw = random.Random(3)
    long = [draw.random() for _ in range(5_000)]
    long[3_333], long[1_234] = 2.0, -1.0
    page = board(tmp_path, [Entry("a", "submission", 0.5, curves={"long": long, "short": [0.0, 1.0, math.nan, 0.5]})])
    thinned, short = drawn(page)
    assert 200 <= len(thinned) <= 300
    assert len(short) == 3
    assert [x for x, _ in thinned] == sorted(x for x, _ in thinned)
    (left, _), (right, _) = thinned[0], thinned[-1]
    for value, of in ((2.0, min), (-1.0, max)):  # a picture's y grows downwards
        x, _ = of(thinned, key=lambda point: point[1])
        assert x == pytest.approx(left + (right - left) * long.index(value) / 4_999, abs=0.1)
    assert short[1][1] < short[2][1] < short[0][1]


def test_scores_by_task_are_beside_the_range_of_all(tmp_path):
    entries = [Entry(str(at), "submission", score, tasks={"t": score}) for at, score in enumerate([0.2, 0.8, 0.6])]
    entries.append(Entry("printed", "paper", 0.9, tasks={"t": 0.9}))
    page = board(tmp_path, entries)

    def places(tag, kind, *names):
        attributes = [attributes for attributes, _ in page.all(tag) if attributes.get("class") == kind]
        return [[float(each[name].rstrip("%")) for name in names] for each in attributes]

    dots = [x for (x,) in places("circle", "last", "cx")]
    assert dots == sorted(dots, reverse=True)
    ranges = places("line", "range", "x1", "x2")
    assert len(ranges) == 4
    assert ranges == [[dots[3], dots[1]]] * 4


def test_the_distribution_marks_every_entry(tmp_path):
    few = [Entry(str(at), "submission", at / 40) for at in range(40)]
    marks = [Entry("base", "baseline", 0.3), Entry("printed", "paper", 0.4)]
    page = board(tmp_path, [*few, *marks])
    assert len([attributes for attributes, _ in page.all("circle") if attributes.get("r") == "3.2"]) == 40
    named = [text for attributes, text in page.all("text") if "landmark" in attributes.get("class", "")]
    assert sorted(named) == ["0.3000", "0.4000", "base", "printed"]
    crowd = board(tmp_path, [Entry(str(at), "submission", at % 7 / 7) for at in range(700)])
    heights = [float(of["height"]) for of, _ in crowd.all("rect") if of["height"] != "100%"]  # which are bars
    assert len(heights) == 7
    assert len(set(heights)) == 1


def test_ten_thousand_entries_are_light(tmp_path):
    draw = random.Random(1)
    curves = {f"task {number}": [draw.random() for _ in range(400)] for number in range(5)}
    entries = [
        Entry(
            f"team {at}", "submission" if at % 400 else "baseline", draw.random(), spread=draw.random(),
            date="2026-11-23T10:00:00+00:00", seconds=draw.random() * 100, retrains=1800, curves=curves,
        )
        for at in range(10_000)
    ]  # fmt: skip
    page = tmp_path / "one.html"
    write(tmp_path, "Contest", [Setting("one", "One", "m", True, entries=entries)], "today")
    assert page.stat().st_size < 6_000_000
    text = page.read_text(encoding="utf-8")
    assert text.count("<tr") == 10_001
    best = sorted(entries, key=lambda entry: -entry.score)[:100]
    assert text.count("<article") == len(
        {entry.submission for entry in best} | {f"team {at}" for at in range(0, 10_000, 400)}
    )
    assert "the best 100 and every baseline" in text


def test_the_table_is_said_to_be_one(tmp_path):
    page = board(tmp_path, [Entry("a", "submission", 0.5)])
    assert page.all("caption")
    scopes = [attributes.get("scope") for attributes, _ in page.all("th")]
    assert scopes == ["col"] * 7 + ["row"]
    assert [attributes.get("aria-sort") for attributes, _ in page.all("th")].count("ascending") == 1
    assert all(of.get("aria-label") or of.get("aria-hidden") for of, _ in page.all("svg"))
    assert 'lang="en"' in page.raw
    assert 'name="viewport"' in page.raw


def luminance(colour):
    digits = colour * 2 if len(colour) == 3 else colour
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_contrast_of_texts(tmp_path):
    board(tmp_path, [])
    style = (tmp_path / "style.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    for theme in (light, dark):
        colours = {name: luminance(value) for name, value in re.findall(r"--(\w+): #(\w+);", theme)}
        for text, ground in itertools.product(("ink", "quiet", "blue", "orange"), ("page", "raised")):
            low, high = sorted((colours[text], colours[ground]))
            assert (high + 0.05) / (low + 0.05) >= 4.5
        low, high = sorted((colours["lead"], colours["page"]))
        assert (high + 0.05) / (low + 0.05) >= 2.5


# In a browser


COLUMN = """
    const [index] = arguments;
    return Array.from(document.querySelectorAll("tbody tr"), (row) => row.cells[index].dataset.v ?? null);
"""
NAMES = 'return Array.from(document.querySelectorAll("tbody tr"), (row) => row.querySelector("bdi").textContent);'
RENEW = """
    const page = new DOMParser().parseFromString(arguments[0], "text/html");
    document.querySelector("main").replaceWith(page.querySelector("main"));
    document.dispatchEvent(new Event("renewed"));
"""
HEADERS = 'return Array.from(document.querySelectorAll("thead th"), (header) => header.getAttribute("aria-sort"));'


def sorted_with_unknown_last(values, reverse=False):
    known = sorted((float(value) for value in values if value is not None), reverse=reverse)
    return known + [None] * (len(values) - len(known))


def numbers(values):
    return [None if value is None else float(value) for value in values]


def test_sorting_in_a_browser(tmp_path, browser):
    draw = random.Random(9)
    entries = [
        Entry(
            f"name {at}", "submission" if at % 7 else "baseline", draw.randint(0, 20) / 20, seconds=draw.random() * 1e4
        )
        for at in range(40)
    ]
    board(tmp_path, [*entries, Entry("printed", "paper", 0.5), Entry("bad", "submission", None, "invalid")])
    browser.look(1280)
    browser.open(tmp_path / "one.html")
    before = browser.script(NAMES)
    assert browser.script(HEADERS) == ["ascending", None, None, None, None, None, None]
    for column, first in ((2, True), (5, False)):
        for reverse in (first, not first):
            browser.script('document.querySelectorAll("thead button")[arguments[0]].click();', column)
            values = browser.script(COLUMN, column)
            assert len(values) == 42
            assert numbers(values) == sorted_with_unknown_last(values, reverse)
            assert browser.script(HEADERS)[column] == ("descending" if reverse else "ascending")
            assert len(list(filter(None, browser.script(HEADERS)))) == 1
    browser.press("thead th:nth-child(2) button", "\ue007")  # the enter key
    natural = sorted(
        browser.script(NAMES),
        key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)],
    )
    assert browser.script(NAMES) == natural
    browser.press("thead th:nth-child(1) button", " ")
    assert browser.script(NAMES) == before
    browser.press("input[type=search]", "NAME 3")
    assert browser.script('return document.querySelectorAll("tbody tr:not([hidden])").length') == 11
    assert browser.script('return document.querySelector("output").textContent') == "11 of 42"
    browser.click("thead th:nth-child(6) button")
    rows = browser.script(NAMES)
    browser.script(RENEW, (tmp_path / "one.html").read_text())  # as a page on a server shows itself anew
    assert browser.script(NAMES) == rows != before
    assert browser.script('return document.querySelector("output").textContent') == "11 of 42"
    assert browser.script('return document.querySelectorAll("thead button, input[type=search]").length') == 8


def test_hostile_texts_in_a_browser(tmp_path, browser):
    board(tmp_path, list(hostile_entries()), curve_label="accuracy")
    for file in ("index.html", "one.html"):
        browser.open(tmp_path / file)
        assert browser.script("return window.hostile ?? null") is None
        assert browser.script("return document.scripts.length") == (file == "one.html")
        assert browser.script('return document.querySelectorAll("img").length') == 0
        assert browser.script("return document.styleSheets.length") == 1
    browser.script('document.querySelectorAll("thead button")[1].click();')
    assert browser.script("return window.hostile ?? null") is None
    assert browser.complaints() == []


BARS = """
    return Array.from(document.querySelectorAll(".bar"), (bar) => {
        const { left, top, width, height } = bar.getBoundingClientRect();
        return [left, top, width, height, getComputedStyle(bar.firstChild).fill];
    });
"""


def test_a_screenshot_shows_each_score_as_long_as_it_is(tmp_path, browser):
    scores = [0.9, 0.5, 0.25, 0.0]
    entries = [Entry(f"name {score}", "baseline" if score == 0.5 else "submission", score) for score in scores]
    board(tmp_path, entries)
    browser.look(1280, height=900)
    browser.open(tmp_path / "one.html")
    bars = browser.script(BARS)
    pixels = browser.screenshot(tmp_path / "one.png")
    assert pixels.shape == (900, 1280, 3)
    colours = []
    for score, (left, top, width, height, colour) in zip(scores, bars, strict=True):
        rgb = np.array([int(part) for part in re.findall(r"\d+", colour)])
        line = pixels[round(top + height / 2), round(left) : round(left + width)]
        filled = (np.abs(line.astype(int) - rgb).max(axis=1) < 12).sum()
        assert abs(filled - score * width) <= 2
        colours.append(colour)
    assert colours[0] == colours[2] != colours[1]  # a baseline stands out


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(tmp_path, browser, scheme):
    several = [Entry(f"name {at}", "submission", at / 30, seconds=3.0, retrains=18_000) for at in range(30)]
    curved = Entry("curved", "baseline", 0.4, curves={"a": [0.1, 0.3, 0.2]}, tasks={"a": 0.4, "b" * 50: 0.2})
    board(tmp_path, [*hostile_entries(), *several, curved], description="Words. " * 30)
    browser.look(360, scheme, 740)
    for file in ("index.html", "one.html"):
        browser.open(tmp_path / file)
        assert browser.script("return document.documentElement.scrollWidth") <= 360
        assert browser.script("return innerWidth") == 360
    ground = browser.script("return getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")


@pytest.mark.parametrize("width", [320, 500, 760, 1200])
def test_the_last_column_can_be_reached_at_any_width(tmp_path, browser, width):
    board(tmp_path, hostile_entries())
    browser.open(tmp_path / "one.html")
    browser.look(width)
    region, right, inner = browser.script("""
        const region = document.getElementById("ranking");
        region.scrollLeft = region.scrollWidth;
        window.scrollTo(document.documentElement.scrollWidth, 0);
        const last = region.querySelector("thead th:last-child").getBoundingClientRect();
        return [region.getAttribute("role"), last.right, document.documentElement.clientWidth];
    """)
    assert region == "region"
    assert 0 < right <= inner + 1


def test_entries_without_a_score_are_in_the_order_of_their_names(tmp_path):
    entries = [Entry(name, "submission", None, "invalid") for name in ("carl", "anna", "bert")]
    page = board(tmp_path, [*entries, Entry("zoe", "submission", 0.5)])
    assert [row["name"] for row in page.rows()] == ["zoe", "anna", "bert", "carl"]


def test_a_page_says_over_what_scores_spread(tmp_path):
    tasks = [Part("one", Fraction(1, 2)), Part("two", Fraction(1, 4)), Part("warm-up", Fraction(1, 4), counts=False)]
    over = {"tasks": tasks, "seeds or trials": [tasks[0], tasks[2]]}
    for what, parts in over.items():
        page = board(tmp_path, [Entry("anna", "submission", 0.5, spread=0.1, parts=parts)])
        assert f"Spread: standard deviation over {what}." in page.raw
        assert f'title="standard deviation over {what}"' in page.raw
    assert "standard deviation" not in board(tmp_path, [Entry("anna", "submission", 0.5, parts=tasks)]).raw
