"""Which of many submissions are told apart in pictures."""

from __future__ import annotations

from PIL import Image

from dataperf_fast.boards.debugging import picture
from dataperf_fast.boards.debugging.board import DebuggingResult
from dataperf_fast.report import dots
from dataperf_fast.report.looks import REST, looks


def test_all_are_told_apart_while_there_are_colours():
    names = [f"team{number}" for number in range(7)]
    told = looks(names, {"team3"})
    assert list(told) == names
    assert len({look.colour for look in told.values()}) == 7
    assert {look.line for look in told.values()} == {"-"}


def test_of_many_the_best_five_and_the_baselines_are():
    names = ["random", *(f"team{number}" for number in range(48)), "consecutive"]
    told = looks(names, {"random", "consecutive", "datascope"})
    assert list(told) == ["random", "team0", "team1", "team2", "team3", "team4", "consecutive"]
    assert len({look.colour for look in told.values()} | {REST}) == 8
    assert [name for name, look in told.items() if look.line == "--"] == ["random", "consecutive"]


def test_fifty_orders_leave_the_plot_to_the_curves(tmp_path):
    """The middle of the plot holds curves, which a legend once covered; most of the picture is the plot."""
    curves = {f"team{number}": [0.5 + 0.001 * step for step in range(100)] for number in range(50)}
    crossings = dict.fromkeys(curves, 60)
    scored = DebuggingResult("t", [], "linear-net", 100, 0.5, 0.56, curves, crossings)
    [path] = picture.draw(tmp_path, scored)
    with Image.open(path) as image:
        pixels = image.convert("RGB")
        width, height = pixels.size
        columns = range(int(0.1 * width), int(0.65 * width), 5)
        drawn = [any(sum(pixels.getpixel((x, y))) < 600 for y in range(50, height - 70)) for x in columns]
    assert all(drawn)


def test_a_baseline_is_shown_and_marked_whatever_its_place(tmp_path, monkeypatch):
    rows = [dots.Row(f"team{number}", 1 - number / 100, {}) for number in range(50)] + [dots.Row("rss", 0.1, {})]
    seen = []
    monkeypatch.setattr(dots.Figure, "savefig", lambda figure, *_, **__: seen.append(figure))
    dots.draw(tmp_path / "x.png", dots.Chart("market", "accuracy", baselines={"rss"}), rows)
    [axes] = seen[0].axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(labels) == 41
    assert labels[39:] == ["team39  0.6100", "rss (baseline)  0.1000"]
    assert axes.get_title() == "market: 41 of 51 submissions, best first"
