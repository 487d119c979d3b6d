"""The kit that participants get: what an algorithm is given, and nothing secret, which is searched for byte by byte."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet

from dataperf_fast import boards, cli
from dataperf_fast.boards.acquisition import synth as acquisition
from dataperf_fast.boards.board import Benchmark, Challenge
from dataperf_fast.boards.debugging import synth as debugging
from dataperf_fast.boards.nibbler import synth as nibbler
from dataperf_fast.boards.secrets import Secret
from dataperf_fast.boards.speech import synth as speech
from dataperf_fast.boards.vision import synth as vision
from dataperf_fast.contest.leaks import Search
from dataperf_fast.files.errors import InputError

from . import contests

ALL = ("acquisition", "debugging", "nibbler", "speech", "vision")
WRITE = {
    "acquisition": lambda out, seed: acquisition.write(out, acquisition.AcquisitionScale(1, 3, 40, 20, 30), seed),
    "debugging": lambda out, seed: debugging.write(out, debugging.DebuggingScale(2, 40, 30, 10), seed),
    "nibbler": lambda out, seed: nibbler.write(out, nibbler.NibblerScale(pairs=20), seed),
    "speech": lambda out, seed: speech.write(
        out, speech.SpeechScale({"en": speech.LanguageSize((6, 5), (4, 3), 2, 3, 4)}), seed
    ),
    "vision": lambda out, seed: vision.write(out, vision.VisionScale(2, 300, 30, 40, 5), seed),
}


@pytest.fixture(scope="module")
def contest(tmp_path_factory) -> Path:
    """A contest on every board, with a set of tasks that is hidden and one that is not."""
    folder = tmp_path_factory.mktemp("contest")
    parts = []
    for board in ALL:
        for seed, name in enumerate(("warm-up", "finale")):
            list(WRITE[board](folder / board / name, seed))
        (folder / "teams" / board).mkdir(parents=True)
        sets = [{"name": "finale", "data": f"{board}/finale"}, {"name": "warm-up", "data": f"{board}/warm-up"}]
        sets[1]["hidden"] = False
        parts.append({"board": board, "submissions": [f"teams/{board}"], "tasks": sets})
    contests.write(folder / "contest.yaml", *parts)
    return folder


@pytest.fixture
def copied(contest, tmp_path) -> Path:
    return shutil.copytree(contest, tmp_path / "contest")


def kit(folder: Path, *more: str, status: int = 0) -> Path:
    assert cli.main(["organize", "kit", str(folder / "contest.yaml"), "--out", str(folder / "kit"), *more]) == status
    return folder / "kit"


def unpacked(file: Path) -> bytes:
    """A file's bytes; of a parquet file every column's, names as text and numbers as they lie in memory."""
    if file.suffix != ".parquet":
        return file.read_bytes()
    table = parquet.read_table(file)
    parts = [str(table.schema).encode()]
    for column in table.columns:
        whole = column.combine_chunks()
        numbers = whole.flatten() if pa.types.is_list(whole.type) else whole
        texts = pa.types.is_string(numbers.type)
        parts.append("\n".join(numbers.to_pylist()).encode() if texts else numbers.to_numpy().tobytes())
    return b"\n".join(parts)


def vectors(file: Path, column: str) -> list[bytes]:
    return [np.array(row, np.float32).tobytes() for row in parquet.read_table(file)[column].to_pylist()]


def secrets_of(data: Path, board: str) -> list[bytes]:
    """Bytes that no kit may hold, by this test's own reading of the official files."""
    if board == "debugging":
        found = []
        for file in (data / "embeddings").glob("*_test_*"):
            found += vectors(file, "encoding")
            found += [name.encode() for name in parquet.read_table(file)["filename"].to_pylist()]
        for file in (data / "data").glob("*.csv"):
            labels = np.array([int(line.split(",")[1]) for line in file.read_text().split()[1:]])
            found += [labels.astype(kind).tobytes() for kind in (np.int64, np.uint8)] + [file.read_bytes()]
        return found
    if board == "vision":
        found = []
        for file in (data / "test_sets").iterdir():
            table = parquet.read_table(file)
            found += vectors(file, "embedding") + [name.encode() for name in table["ImageID"].to_pylist()]
        return found + [file.read_bytes() for file in (data / "train_sets").iterdir()]
    if board == "speech":
        heard = yaml.safe_load((data / "dataperf_en_data" / "eval.yaml").read_text())
        ids = [*heard["nontargets"], *(clip for clips in heard["targets"].values() for clip in clips)]
        files = (data / "dataperf_en_data" / "eval_embeddings").iterdir()
        return [clip.encode() for clip in ids] + [
            row for file in files for row in vectors(file, "mswc_embedding_vector")
        ]
    if board == "acquisition":  # five rows of each seller are its sample
        tables = sorted((data / "features" / "0").iterdir())
        return [line.rsplit(",", 1)[0].encode() for file in tables for line in file.read_text().split()[5:]]
    return [line.encode() for file in data.rglob("*.jsonl") for line in file.read_text().splitlines()]


def test_a_kit_holds_no_label_no_test_row_and_no_hidden_task(contest, capsys):
    folder = kit(contest)
    try:
        out, err = capsys.readouterr()
        written, warned = ([line for line in err.splitlines() if ("both hold" in line) == of] for of in (False, True))
        assert (out, len(written), len(warned)) == ("", len(ALL), len(ALL))  # of sets that share names
        assert sorted(path.name for path in folder.iterdir()) == list(ALL)
        files = [path for path in folder.rglob("*") if path.is_file()]
        everything = b"\n".join([*map(unpacked, files), *(str(path.relative_to(folder)).encode() for path in files)])
        for board in ALL:
            for name in ("warm-up", "finale"):
                secrets = secrets_of(contest / board / name, board)
                assert len(secrets) > 20
                if (board, name) == ("debugging", "finale"):  # its images' names are those of the warm-up's
                    secrets = [one for one in secrets if not one.startswith(b"synth")]
                assert not [one for one in secrets if one in everything]
        assert b"finale" not in everything
        for hidden in (
            contest / board / "finale" for board in ALL
        ):  # of a hidden set not what is given of others either
            inputs = [path for path in hidden.rglob("*") if path.is_file() and path.stat().st_size > 4096]
            assert not {path.read_bytes() for path in inputs} & {path.read_bytes() for path in files}
    finally:
        shutil.rmtree(folder)


def test_the_search_by_hand_finds_what_lies_there(contest):
    """The oracle of the test before: every one of its secrets is found in the data that it is of."""
    for board in ALL:
        data = contest / board / "warm-up"
        everything = b"\n".join(unpacked(path) for path in data.rglob("*") if path.is_file())
        found = [one in everything for one in secrets_of(data, board)]
        assert np.mean(found) > 0.9


def test_a_task_s_folder_is_what_an_algorithm_is_given(contest):
    folder = kit(contest)
    try:
        for board in ALL:
            text = (folder / board / "README.md").read_text()
            assert boards.load(board).instructions.strip() in text
            assert "at most 64 MiB" in text
            for challenge in boards.load(board).challenges(contest / board / "warm-up"):
                given = folder / board / "warm-up" / challenge.task
                assert {path.name for path in given.iterdir()} == {*challenge.files, "task.json"}
                for name, source in challenge.files.items():
                    of_source = sorted(path for path in [source, *source.rglob("*")] if path.is_file())
                    copies = sorted(path for path in [given / name, *(given / name).rglob("*")] if path.is_file())
                    assert [path.read_bytes() for path in copies] == [path.read_bytes() for path in of_source]
                    assert not {path.stat().st_ino for path in copies} & {path.stat().st_ino for path in of_source}
                about = json.loads((given / "task.json").read_text())
                assert about["answer"] == challenge.answer
                assert about.items() >= challenge.about.items()
                assert f"| warm-up/{challenge.task} | {', '.join(sorted(challenge.files))} |" in text
        assert [path.name for path in (folder / "nibbler").iterdir()] == ["README.md"]
        pools = [path.stat() for path in folder.glob("vision/*/*/embeddings.parquet")]
        assert len(pools) == 2
        assert len({of.st_ino for of in pools}) == 1
    finally:
        shutil.rmtree(folder)


def add_column(file: Path, values: list) -> None:
    table = parquet.read_table(file)
    parquet.write_table(table.append_column("more", pa.array((values * len(table))[: len(table)])), file)


def add_rows(file: Path, other: Path, column: str) -> None:
    """Put a row of another file in the place of the last one."""
    table, more = parquet.read_table(file), parquet.read_table(other)
    rows = [*table[column].to_pylist()[:-1], more[column].to_pylist()[3]]
    at = table.schema.get_field_index(column)
    parquet.write_table(table.set_column(at, column, pa.array(rows, table.schema.field(column).type)), file)


PLANTED = {}


def plants(what: str, place: str, found: str):
    """A way to put a secret of a contest's warm-up into what is given of it: where, and as what, it is found."""

    def keep(way):
        PLANTED[what] = way, place, found
        return way

    return keep


def images(folder: Path, part: str, task: str = "synth01") -> Path:
    return next((folder / "debugging" / "warm-up" / "embeddings").glob(f"{task}_{part}_*"))


def true_labels(folder: Path) -> list[int]:
    lines = (folder / "debugging" / "warm-up" / "data" / "dataset_synth01_train.csv").read_text().split()[1:]
    return [int(line.split(",")[1]) for line in lines]


def concept(folder: Path, file: str) -> Path:
    places = {
        "test": "test_sets/alpha_test_set_Hawk_256.parquet", "examples": "examples/alpha_example_set_Hawk.csv",
        "pool": "embeddings/train_emb_256_dataperf.parquet",
    }  # fmt: skip
    return folder / "vision" / "warm-up" / places[file]


def words(folder: Path, file: str) -> Path:
    return folder / "speech" / "warm-up" / "dataperf_en_data" / file


def seller(folder: Path) -> list[str]:
    return (folder / "acquisition" / "warm-up" / "features" / "0" / "2.csv").read_text().splitlines()


def summary(folder: Path) -> Path:
    return folder / "acquisition" / "warm-up" / "marketinfo" / "0" / "summary"


@plants("true labels as a column", "debugging/warm-up/synth01/train.parquet", "the labels of cleaned synth01")
def _(folder):
    add_column(images(folder, "train"), true_labels(folder))


@plants("true labels as text", "debugging/warm-up/synth01/train.parquet", "the labels of cleaned synth01")
def _(folder):
    add_column(images(folder, "train"), [f"{label}.0" for label in true_labels(folder)])


@plants("test images' names in metadata", "synth01/train.parquet", "the test images of synth01, 'synth01_0000")
def _(folder):
    names = parquet.read_table(images(folder, "test"))["filename"].to_pylist()
    table = parquet.read_table(images(folder, "train"))
    parquet.write_table(table.replace_schema_metadata({"notes": json.dumps({"test": names})}), images(folder, "train"))


@plants("a test row to train on", "synth01/train.parquet: row 39", "the test images of synth01 (")
def _(folder):
    add_rows(images(folder, "train"), images(folder, "test"), "encoding")


@plants("a test set to validate on", "synth00-flipped/val.parquet", "the test images of synth00-flipped: all of")
def _(folder):
    setup = folder / "debugging" / "warm-up" / "task_setup.yml"
    setup.write_text(setup.read_text().replace("val_size: 10", "val_size: 30"))
    for task in ("synth00-flipped", "synth01"):
        test = images(folder, "test", task)
        shutil.copy(test, test.with_name(f"{task}_val_30.parquet"))


@plants("a hidden task's inputs", "debugging/warm-up/synth01/train.parquet", "a hidden task: all of")
def _(folder):
    hidden = folder / "debugging" / "finale" / "embeddings"
    shutil.copy(next(hidden.glob("synth01_train_*")), images(folder, "train"))


@plants("an evaluation clip to choose", "en_25/allowed_training_set.yaml", "the evaluation clips of en, '")
def _(folder):
    allowed = yaml.safe_load(words(folder, "allowed_training_set.yaml").read_text())
    allowed["nontargets"].append(yaml.safe_load(words(folder, "eval.yaml").read_text())["nontargets"][-1])
    words(folder, "allowed_training_set.yaml").write_text(yaml.safe_dump(allowed))


@plants("a word to evaluate on", "train_embeddings/more.parquet", "the evaluation clips of en: all of")
def _(folder):
    shutil.copy(next(words(folder, "eval_embeddings").iterdir()), words(folder, "train_embeddings/more.parquet"))


@plants("an evaluation set", "train_embeddings/words.yml", "the evaluation clips of en: all of")
def _(folder):
    shutil.copy(words(folder, "eval.yaml"), words(folder, "train_embeddings/words.yml"))


@plants("a test image among the examples", "vision/warm-up/Hawk/examples.csv", "the test images of Hawk, '")
def _(folder):
    name = parquet.read_table(concept(folder, "test"))["ImageID"].to_pylist()[4]
    concept(folder, "examples").write_text(concept(folder, "examples").read_text() + f"{name},1\n")


@plants("a test image in the pool", "embeddings.parquet: row 299", "the test images of Hawk (")
def _(folder):
    add_rows(concept(folder, "pool"), concept(folder, "test"), "embedding")


@plants("test labels", "vision/warm-up/Hawk/examples.csv", "the labels of the test images of Hawk")
def _(folder):
    labels = parquet.read_table(concept(folder, "test"))["Confidence"].to_pylist()
    concept(folder, "examples").write_text("\n".join(map(str, labels)))


@plants("a seller's rows", "summary/rows.csv: row 0", "a row of seller 2 of market 0, row 5")
def _(folder):
    (summary(folder) / "rows.csv").write_text("\n".join(seller(folder)[5:9]))


@plants("a seller's rows, zipped", "summary/rows.zip: row 5", "a row of seller 2 of market 0, row 5")
def _(folder):
    with zipfile.ZipFile(summary(folder) / "rows.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/2.csv", "\n".join(seller(folder)[:20]))


@plants("a seller's rows, gzipped", "summary/rows.npy.gz: row 0", "a row of seller 2 of market 0, row 10")
def _(folder):
    array = io.BytesIO()
    np.save(array, np.array([line.split(",") for line in seller(folder)[10:12]], np.float64))
    (summary(folder) / "rows.npy.gz").write_bytes(gzip.compress(array.getvalue()))


@plants("a hidden set's name", "summary/finale/x.txt: its path", "the name of a hidden task, 'finale'")
def _(folder):
    (summary(folder) / "finale").mkdir()
    (summary(folder) / "finale" / "x.txt").write_text("x")


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_planted_is_found_in_one_line_and_leaves_nothing(what, copied, capsys):
    way, place, found = PLANTED[what]
    way(copied)
    before = sorted(copied.rglob("*"))
    kit(copied, status=2)
    out, err = capsys.readouterr()
    [line] = err.splitlines()
    assert out == ""
    assert place in line
    assert found in line
    assert f"dataperf-fast: {copied}/kit/" in line
    assert sorted(copied.rglob("*")) == before


def test_a_revealed_set_s_inputs_are_in_it_and_its_secrets_are_not(copied, capsys):
    folder = kit(copied, "--reveal", "finale")
    given = folder / "debugging" / "finale" / "synth01" / "train.parquet"
    source = next((copied / "debugging" / "finale" / "embeddings").glob("synth01_train_*"))
    assert given.read_bytes() == source.read_bytes()
    everything = b"\n".join(unpacked(path) for path in folder.rglob("*") if path.is_file())
    for board in ALL:
        assert not [one for one in secrets_of(copied / board / "finale", board) if one in everything]
    shutil.rmtree(folder)
    capsys.readouterr()
    kit(copied, "--reveal", "final", status=2)
    assert capsys.readouterr().err == "dataperf-fast: --reveal: is no set of tasks: 'final'; expected finale\n"


@pytest.mark.filterwarnings("default")
def test_all_hidden_is_said_and_what_lies_there_stays(copied, capsys):
    path = copied / "contest.yaml"
    path.write_text(path.read_text().replace("hidden: false", "hidden: true"))
    folder = kit(copied)
    warned = [line for line in capsys.readouterr().err.splitlines() if "all sets of tasks are hidden" in line]
    assert len(warned) == len(ALL) - 1  # Nibbler gives nothing anyway
    assert f"warning: {path}: acquisition: all sets of tasks are hidden, and the kit has nothing of them;" in warned[0]
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["README.md"] * len(ALL)
    (folder / "README.md").write_text("ours")
    kit(copied, status=2)
    assert "kit: is there already; expected a new folder" in capsys.readouterr().err
    assert (folder / "README.md").read_text() == "ours"


def test_what_is_not_there_is_one_line_and_leaves_nothing(copied, capsys):
    (copied / "vision" / "warm-up" / "examples" / "alpha_example_set_Hawk.csv").unlink()
    before = sorted(copied.rglob("*"))
    kit(copied, status=2)
    assert capsys.readouterr().err.endswith(
        "alpha_example_set_Hawk.csv: no such file or folder; expected what participants are given of a task\n"
    )
    assert sorted(copied.rglob("*")) == before


@pytest.mark.parametrize("chance", ["a short row", "a row of one number", "few labels", "labels that are all one"])
def test_what_is_the_same_by_chance_is_no_find(chance, tmp_path):
    rows, column = {
        "a short row": (np.arange(7), np.arange(16)),
        "a row of one number": (np.zeros(40), np.arange(16)),
        "few labels": (np.arange(8), np.arange(15) % 2),
        "labels that are all one": (np.arange(8), np.ones(40)),
    }[chance]
    search = Search([Secret("a thing", rows=[rows[None]], columns=[column])])
    found = {"a short row": rows, "a row of one number": rows}.get(chance, column)
    (tmp_path / "given.csv").write_text("\n".join(map(str, found)) + "\n" + ",".join(map(str, found)))
    search.require_none(tmp_path, tmp_path)
    (tmp_path / "given.csv").write_text(",".join(map(str, np.arange(9) + 0.5)))
    with pytest.raises(InputError, match="row 0: would show a thing, row 0"):
        Search([Secret("a thing", rows=[np.arange(9)[None] + 0.5])]).require_none(tmp_path, tmp_path)


class Images(Benchmark):
    """A board of another package: what its challenges give is public, what else its scores depend on is not."""

    name, metric, higher_is_better = "images", "accuracy", True

    def tasks(self, data):
        return ["test"]

    def evaluate(self, data, submissions, engine, options):
        raise NotImplementedError

    def challenges(self, data):
        return [Challenge("test", {"pool.npz": data / "pool.npz"}, "images.npz", "images.npz")]


def test_another_s_board_is_searched_for_all_that_no_challenge_gives(tmp_path):
    data, given = tmp_path / "data", tmp_path / "given"
    data.mkdir()
    given.mkdir()
    pool, test = np.random.default_rng(0).normal(size=(2, 10, 64)).astype(np.float32)
    np.savez(data / "pool.npz", images=pool, labels=np.arange(10) % 2)
    np.savez(data / "test.npz", images=test, labels=np.arange(10) % 2)
    search = Search(Images().secrets(data))
    shutil.copy(data / "pool.npz", given)
    search.require_none(given, Path("kit"))
    np.savez(given / "pool.npz", images=np.concatenate([pool, test[7:8]]))
    with pytest.raises(
        InputError, match=r"^kit/pool.npz: row 10: would show what scores depend on .*test.npz\), row 7;"
    ):
        search.require_none(given, Path("kit"))
    shutil.copy(data / "test.npz", given / "pool.npz")
    with pytest.raises(InputError, match=r"would show what scores depend on: all of .*test.npz;"):
        search.require_none(given, Path("kit"))
