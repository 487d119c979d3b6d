"""Every example of the pages runs as it stands, in order, in an empty folder; test_help.py has --help's."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC

import dataperf_fast as dpf
from benchmarks_perf import tables
from dataperf_fast import sandbox
from dataperf_fast.boards.nibbler.creativity import WEIGHTS
from dataperf_fast.boards.nibbler.generation import http
from dataperf_fast.cli import parser
from dataperf_fast.contest import algorithms
from dataperf_fast.contest.manifest import Manifest
from dataperf_fast.files import schema_errors
from dataperf_fast.files.setup_file import read_setup

from .documents import NOT_RUN, PAGES, ROOT, Examples, all_commands, blocks, cells

LANGUAGES = {"console", "sh", "text", "python", "pycon", "yaml", "toml", "json", "caddy", "nginx"}
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
NEEDS = {
    "scoring.md": "" if "probability" in SVC().get_params() else "the reference needs SVC(probability=True)",
    "organize.md": sandbox.available()["bubblewrap"],
}
# What parity.md's readers have as a script of their own: here, one that sees whether its command gives the definition.
SCRIPT = """
from dataperf_fast.engine import definition
found = definition.find()
assert found.processor or found.blas == ("openblas Haswell",), found
"""


BESIDE = {"serve.md"}  # whose examples want a server: tests/server/test_page.py


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in BESIDE], ids=lambda page: page.name)
def test_every_example_of_a_page_runs(page, tmp_path, monkeypatch, capsys):
    if NEEDS.get(page.name):
        pytest.skip(NEEDS[page.name])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # a page's Python imports the files that it shows
    examples = Examples(capsys)
    if page.name == "parity.md":
        Path("your_script.py").write_text(SCRIPT)
    if page.name in ("README.md", "api.md"):
        shutil.copytree(ROOT / "data" / "debugging", "data/debugging")
    examples.run_page(page)
    if check := CHECKS.get(page.name):
        check(examples)


def check_readme(examples: Examples) -> None:
    """The table is the one that was printed, which the runner saw; Python gives its scores too."""
    [table] = [block.text for block in blocks(ROOT / "README.md") if block.language == "text"]
    header, *rows = cells(table)
    of_table = {(row[0], row[1]): row[header.index("score")] for row in rows}
    assert {(of.task, of.submission): f"{of.score:.4f}" for of in examples.names["records"]} == of_table
    assert len(of_table) == 6


def check_scoring(examples: Examples) -> None:
    assert {path.name for path in Path("results").iterdir()} == {
        "speech", "vision", "debugging", "nibbler", "vision.xml", "profile",
    }  # fmt: skip
    assert Path("results/profile/profile.png").stat().st_size > 5000
    for written in ("speech/en_25_scores.json", "vision/Cupcake_scores.png", "nibbler/nibbler_nibbler.json"):
        assert (Path("results") / written).is_file()
    market = examples.names["market"]
    assert isinstance(market, dpf.Market)
    assert market.buyer_features.shape[0] == 80
    seller = market.sellers[3]
    assert seller.price(seller.rows) == seller.maximum_price
    found = examples.names["found"]
    # One neighbour: a row is worth the validation rows that it decides right; all of them sum to the accuracy's gain.
    assert sorted(found.order_) == list(range(40))
    assert (np.diff(found.values_[found.order_]) >= 0).all()


def check_organize(examples: Examples) -> None:
    [printed] = [text for command, text in examples.printed.items() if "organize run " in command]
    rows = [row.split("│") for row in printed.splitlines() if row.startswith("│")]
    scores = {row[2].strip(): (row[3].strip(), row[7].strip()) for row in rows}
    assert scores["count"][0] == scores["consecutive"][0] != scores["anna"][0]
    assert scores["consecutive"][1] == "baseline"
    assert {path.name for path in Path("site").iterdir()} == {
        "index.html", "debugging.html", "debugging.csv", "debugging.json", "style.css", "table.js",
    }  # fmt: skip


def keys_of(schema, at=""):
    """Every key of a schema, with what it is where it is not given."""
    for name, of in schema.model_fields.items():
        yield f"{at}{name}", of
        if inner := schema_errors.model_in(of.annotation):
            yield from keys_of(inner, f"{at}{name}.")


def test_the_page_names_every_key_of_the_manifest_and_its_default():
    page = (ROOT / "docs" / "organize.md").read_text()
    named = dict(re.findall(r"^\| `([a-z_.]+)` \| (.+?) \|", page, re.MULTILINE))
    known = dict(keys_of(Manifest))
    assert list(named) == list(known)
    for key, of in known.items():
        default = of.default
        if key in ("boards.limits", "server", "server.phases.limits"):
            assert named[key] == "as follows"
        elif of.is_required():
            assert named[key] == "needed"
        elif default in (None, "", [], {}):
            assert named[key] in ("none", "the board's own")
        else:
            text = f"{default:g}" if isinstance(default, float) else str(default).replace("'", "")
            text = text.lower() if isinstance(default, bool) else text
            assert named[key] == f"`{text}`"


def check_nibbler(_: Examples) -> None:
    assert {path.name for path in Path("results").iterdir()} == {
        "round_nibbler.json", "round_nibbler.png", "scores.csv", "leaderboard",
    }  # fmt: skip
    page = (ROOT / "docs" / "nibbler.md").read_text()
    table = re.findall(r"^\| (.+?) \| (0\.\d+)( each)? \|", page, re.MULTILINE)
    weights = [float(weight) for names, weight, _ in table for _ in names.split(",")]
    assert weights == list(WEIGHTS.values())


def _written(selection: object) -> Path:
    """A speech submission's file."""
    path = Path("en_25_train.json")
    path.write_text(json.dumps(selection))
    return path


def check_notebook(examples: Examples) -> None:
    """What the page makes of its data: every candidate scored, equal ones trained once, and what the methods gave."""
    names = examples.names
    assert [record.status for record in names["records"]] == ["ok"] * 50
    assert names["again"][0].score == names["records"][-1].score
    [by_file] = dpf.evaluate("speech", "made/speech", _written(names["few"]), cache=False)
    assert names["heard"].score == by_file.score
    images, order = names["seen"].task, Path("made/official/submissions/in-order")
    order.mkdir(parents=True)
    (order / f"{images}_in-order.txt").write_text("\n".join(map(str, range(40))))
    [by_file] = dpf.evaluate("debugging", "made/official", order, model="knn", cache=False)
    assert (names["seen"].score, names["seen"].status) == (by_file.score, "ok")
    assert names["best"].score == max(record.score for record in names["records"])
    different = {tuple(sorted(names["chosen"](share).items())) for share in names["shares"]}
    assert sum(names["told"][at] > names["told"][at - 1] for at in range(1, len(names["told"]))) == len(different) <= 50
    scores = {record.submission: record.score for record in names["inspected"]}
    assert scores["shapley"] < scores["random"]
    assert names["table"].num_rows == 50
    assert len(names["axes"].lines) == 4
    assert names["scored"].score == scores["shapley"]
    halves, X, noisy = names["halves"], names["vectors"], names["noisy"]
    fitted = [GaussianNB().fit(X[half].astype(float), noisy[half]) for half in halves]
    assert names["outcomes"].trained == 20
    assert names["accuracies"].tolist() == [of.score(X[120:].astype(float), names["truth"][120:]) for of in fitted] * 2
    assert names["found"].retrains > names["found"].distinct > 0


CHECKS = {
    "notebook.md": check_notebook,
    "README.md": check_readme,
    "scoring.md": check_scoring,
    "organize.md": check_organize,
    "nibbler.md": check_nibbler,
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_says_what_it_is(page):
    assert len(re.findall("^```", page.read_text(), re.MULTILINE)) == 2 * len(blocks(page))
    for block in blocks(page):
        assert block.language in LANGUAGES, block.text
        assert block.is_file or block.language not in ("yaml", "toml", "json"), block.text


def test_settings_that_pages_show_fit_their_schemas(tmp_path):
    schemas = {"contest.yaml": Manifest, "algorithm.yaml": algorithms.AlgorithmSettings, "api.yaml": http.HttpSettings}
    read = set()
    for block in (block for page in PAGES for block in blocks(page) if block.language == "yaml"):
        path = tmp_path / Path(block.about).name
        path.write_text(block.text)
        read_setup(path, schemas[path.name], "what the page says")
        read.add(path.name)
    assert read == set(schemas)


def test_what_is_not_run_is_there_and_could_be():
    commands = [command for _, command in all_commands()]
    assert len(commands) > 60
    assert set(NOT_RUN) <= set(commands)
    for command in NOT_RUN:
        program, *words = shlex.split(command)
        if program.endswith("dataperf-fast"):
            parser().parse_args(words)
        if program == "make":
            assert set(words) <= TARGETS


def test_nobody_is_told_to_install_a_name_that_is_not_ours():
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    folders = ("dataperf_fast", "kernels", "benchmarks_perf", "tests")
    told = set()
    for path in [*PAGES, *(path for folder in folders for path in (ROOT / folder).rglob("*.py"))]:
        text = path.read_text(encoding="utf-8")
        for name, asked, at in re.findall(r"pip install\s+'?([^\s'`\[\\]*)\[([a-z0-9,-]+)\]( @ )?", text):
            told |= set(asked.split(","))
            assert name.endswith((".", ".whl")) or at, f"{path}: {name}[{asked}]"
        told |= set(re.findall(r"\binstall\([\"'](\w+)[\"']\)", text))  # what errors say
        for line in re.findall(r".*pip install '?dataperf-fast\b.*", text):
            assert " @ git" in line or "on no index" in line, f"{path}: {line}"
    assert {"reference", "xgb", "gpu", "cluster", "generation", "postgresql", "ptx"} <= told <= extras


def test_pages_refer_to_pages_and_files_that_are_there():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"


def test_pages_name_targets_that_make_has():
    for page in PAGES:
        assert set(re.findall(r"`make ([\w-]+)", page.read_text())) <= TARGETS, page.name


def test_pages_name_modules_that_are_there():
    named = 0
    for page in PAGES:
        shown = {block.about for block in blocks(page)}
        for name in re.findall(r"(?<!`)`([\w-]+(?:/[\w-]+)+\.py)`", page.read_text()):
            named += 1
            places = (ROOT / name, ROOT / "dataperf_fast" / name)
            stands_for_many = re.search("[A-Z]{4}", name)  # models/NAME.py
            assert name in shown or stands_for_many or any(path.is_file() for path in places), f"{page.name}: {name}"
    assert named > 40


def test_terms_are_in_order_and_each_is_somewhere():
    lines = [line for line in (ROOT / "docs" / "terms.md").read_text().splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]
    terms = [term for term, _, _ in rows]
    assert terms == sorted(set(terms), key=str.lower)
    assert len(terms) > 50
    for term, what, where in rows:
        assert what.endswith("."), term
        assert re.search(r"`[\w/]+(\.py|/)`", where), term


@pytest.mark.parametrize("page", tables.PAGES)
def test_measured_tables_are_those_of_the_result_files(page):
    assert (ROOT / page).read_text(encoding="utf-8") == tables.filled(page)
    assert len(re.findall("<!-- bench:", tables.filled(page))) == len(tables.PAGES[page])
