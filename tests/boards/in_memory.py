"""Official folders as a notebook has them: what ``dpf.score`` takes, read by the formats' own libraries."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from pyarrow import parquet

import dataperf_fast as dpf
from dataperf_fast.boards.debugging import files as debugging_files


def comparable(records: list[dpf.Record]) -> list[dpf.Record]:
    """Records less what two runs of the same differ in: their times, and the file of the method's."""
    plain = []
    for record in records:
        details = {name: of for name, of in record.details.items() if name != "method_seconds"}
        plain.append(replace(record, seconds=0.0, details=details))
    return sorted(plain, key=lambda record: (record.task, record.submission))


def speech(data: Path, submissions: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Languages, clips as Arrow tables; and selections by submission and task."""
    languages = {}
    for folder in data.glob("dataperf_*_data"):
        language = {
            name: yaml.safe_load((folder / f"{name}.yaml").read_text()) for name in ("allowed_training_set", "eval")
        }
        for part in ("train_embeddings", "eval_embeddings"):
            words = [parquet.read_table(path) for path in sorted((folder / part).glob("*.parquet"), reverse=True)]
            language[part] = pa.concat_tables(words).select(["clip_id", "mswc_embedding_vector"])
        languages[folder.name.split("_")[1]] = language
    handed_in: dict[str, Any] = {}
    for path in submissions.rglob("*_train.json"):
        task = path.name.removesuffix("_train.json")
        handed_in.setdefault(path.parent.name, {})[task] = json.loads(path.read_text())
    return languages, handed_in


def vision(data: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pool as ids and a matrix, test sets as Arrow tables; and the data's own training sets as ``{id: label}``."""
    setup = yaml.safe_load((data / "task_setup.yaml").read_text())
    root = data / setup["data_dir"]
    pool = parquet.read_table(root / setup["emb_file"]).to_pydict()
    tests = {task: parquet.read_table(root / setup[task][1]) for task in setup["eval_tasks"]}
    sets = {}
    for task in setup["eval_tasks"]:
        with (root / setup[task][0]).open(newline="") as file:
            sets[task] = {row["ImageID"]: float(row["Confidence"]) for row in csv.DictReader(file)}
    name = (root / setup[setup["eval_tasks"][0]][0]).parent.name
    return {"embeddings": (pool["ImageID"], np.array(pool["embedding"])), "test_sets": tests}, {name: sets}


def debugging(data: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tasks, of pairs of a float64 matrix and labels; and the orders in the data's folder of submissions."""
    folder, setup = debugging_files.open_setup(data)
    tasks = {}
    for task in setup.tasks:
        parts = {
            part: parquet.read_table(debugging_files.embedding_path(folder, setup, task, part)).to_pydict()
            for part in ("train", "test")
        }
        with debugging_files.true_labels_path(folder, setup, task).open(newline="") as file:
            true = {row["ImageID"]: int(row["hv_label"]) for row in csv.DictReader(file)}
        of_task: dict[str, Any] = {
            part: (np.array(of["encoding"], np.float64), np.array(of["label"])) for part, of in parts.items()
        }
        tasks[task.data_id] = of_task | {"ground_truth": [true[name] for name in parts["train"]["filename"]]}
    handed_in: dict[str, Any] = {}
    for path in sorted((folder / setup.paths.submission_folder).glob("*.txt")):
        data_id, _, method = path.stem.partition("_")
        if data_id != "time":
            handed_in.setdefault(method, {})[data_id] = np.loadtxt(path, dtype=int)
    return tasks, handed_in


def acquisition(data: Path, plans: Path) -> tuple[dict[int, Any], dict[str, Any]]:
    """Markets, sellers as pairs of arrays, the buyer as one matrix; and a folder's plans, named after it."""
    markets = {}
    for folder in (data / "marketinfo").iterdir():
        number = int(folder.name)
        tables = [
            np.loadtxt(path, delimiter=",")
            for path in sorted((data / "features" / folder.name).glob("*.csv"), key=lambda path: int(path.stem))
        ]
        prices = [line.split(",")[1] for line in (folder / "price" / "price.txt").read_text().split()]
        markets[number] = {
            "sellers": [(table[:, :-1], table[:, -1]) for table in tables],
            "buyer": np.loadtxt(folder / "data_buyer" / "20.csv", delimiter=","),
            "prices": [float(price) for price in prices][: len(tables)],
            "budget": float((folder / "price" / "budget.txt").read_text()),
        }
    of_plans = {int(path.stem): np.loadtxt(path, delimiter=",", dtype=int) for path in plans.glob("*.csv")}
    return markets, {plans.name: of_plans}
