from __future__ import annotations

import sqlite3

import numpy as np
import pytest

from dataperf_fast.engine.backend import Backend
from dataperf_fast.engine.engine import Engine, Progress
from dataperf_fast.engine.finished import ResultCache
from dataperf_fast.engine.plan import FrozenModel, Plan, Pool


class Sums(FrozenModel):
    """A model whose outcome is known: the sum of the labels' products with the row numbers, and the seed."""

    name = "sums"
    version = "1"
    outcome = np.dtype([("value", np.int64)])

    def __init__(self, uses_seed=False, doubtful=()):
        self.uses_seed = uses_seed
        self.doubtful = doubtful
        self.batches = []
        self.exact = 0

    def bind(self, pool, backend):
        self.bound = getattr(self, "bound", 0) + 1
        return self

    bytes_per_retrain = 100

    def train(self, rows, labels, seeds, exact):
        self.batches.append(len(rows))
        self.exact += len(rows) if exact else 0
        values = [int(r @ y) + (int(s) if self.uses_seed else 0) for r, y, s in zip(rows, labels, seeds, strict=True)]
        off_by = np.array([0 if exact or v not in self.doubtful else 1000 for v in values])
        outcomes = np.zeros(len(rows), self.outcome)
        outcomes["value"] = np.array(values) + off_by
        return outcomes, off_by == 0


def backend(memory=10**9, threads=1):
    return Backend("cpu", "test", threads, memory)


def pool():
    return Pool(np.arange(8, dtype=np.float32).reshape(4, 2), np.zeros((1, 2), np.float32), np.zeros(1, np.uint8))


LABELS = [np.array(bits, np.uint8) for bits in ([0, 1, 1, 0], [1, 1, 1, 1], [0, 1, 1, 0], [0, 0, 0, 1])]
VALUES = [3, 6, 3, 3]


def test_equal_training_sets_are_trained_once():
    model = Sums()
    got = Engine(backend()).run(Plan(pool(), model, LABELS))
    assert got.values["value"].tolist() == VALUES
    assert got.trained == sum(model.batches) == 3
    assert got.identity[0] == got.identity[2] != got.identity[3]


def test_seeds_count_only_where_the_model_uses_them():
    for uses_seed, trained in ((False, 1), (True, 2)):
        model = Sums(uses_seed)
        got = Engine(backend()).run(Plan(pool(), model, [LABELS[0]] * 3, seeds=np.array([5, 7, 5])))
        assert got.trained == trained
        assert got.values["value"].tolist() == ([8, 10, 8] if uses_seed else [3, 3, 3])


def test_rows_are_part_of_a_training_set():
    rows = [np.array(r, np.int32) for r in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 1, 1, 1])]
    model = Sums()
    engine = Engine(backend())
    assert engine.run(Plan(pool(), model, [LABELS[0]] * 3, rows)).values["value"].tolist() == [3, 3, 2]
    assert sum(model.batches) == 3
    engine.run(Plan(pool(), model, [LABELS[0]]))  # the whole pool in order is the first of them
    assert sum(model.batches) == 3


def test_what_is_known_is_not_trained_again():
    model, engine = Sums(), Engine(backend())
    shared = pool()
    engine.run(Plan(shared, model, LABELS[:2]))
    assert engine.run(Plan(shared, model, LABELS)).trained == 1
    assert model.bound == 1
    assert engine.run(Plan(pool(), model, LABELS)).trained == 0  # an equal pool: known by its contents


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_results_do_not_depend_on_the_batch(size):
    model = Sums(doubtful={6})
    got = Engine(backend(), batch_size=size).run(Plan(pool(), model, LABELS))
    assert got.values["value"].tolist() == VALUES
    assert got.rechecked.tolist() == [False, True, False, False]
    assert max(model.batches) <= size


def test_batches_are_cut_to_the_memory():
    model = Sums()
    labels = [np.array([i & 1, i >> 1 & 1, i >> 2 & 1, i >> 3 & 1], np.uint8) for i in range(16)]
    Engine(backend(memory=350, threads=2)).run(Plan(pool(), model, labels))
    assert sum(model.batches) == 16
    assert max(model.batches) <= 3


def test_doubtful_retrains_take_the_exact_path():
    model = Sums(doubtful={6})
    got = Engine(backend()).run(Plan(pool(), model, LABELS))
    assert got.values["value"].tolist() == VALUES
    assert got.rechecked.sum() == model.exact == 1


def test_a_stopped_run_goes_on_from_its_finished_batches(tmp_path):
    class StopsAfterTwo(Progress):
        count = 0

        def done(self, retrains):
            self.count += retrains
            if self.count >= 2:
                raise KeyboardInterrupt

    cache = ResultCache(tmp_path / "retrains.sqlite")
    with pytest.raises(KeyboardInterrupt):
        Engine(backend(), cache, StopsAfterTwo(), batch_size=1).run(Plan(pool(), Sums(doubtful={6}), LABELS))
    cache.close()
    again = Engine(backend(), ResultCache(tmp_path / "retrains.sqlite")).run(Plan(pool(), Sums(), LABELS))
    assert again.trained == 1
    assert again.values["value"].tolist() == VALUES
    assert again.rechecked.tolist() == [False, True, False, False]  # remembered with the outcome


def test_a_new_version_of_a_model_forgets_the_old_results(tmp_path):
    cache = ResultCache(tmp_path / "retrains.sqlite")
    Engine(backend(), cache).run(Plan(pool(), Sums(), LABELS))
    newer = Sums()
    newer.version = "2"
    assert Engine(backend(), cache).run(Plan(pool(), newer, LABELS)).trained == 3


def test_a_broken_cache_costs_time_and_nothing_else(tmp_path):
    path = tmp_path / "retrains.sqlite"
    path.write_bytes(b"not a database " * 100)
    cache = ResultCache(path)
    with pytest.warns(UserWarning, match="finished retrains are not kept"):
        outcomes = Engine(backend(), cache).run(Plan(pool(), Sums(), LABELS))
    assert outcomes.values["value"].tolist() == VALUES


def test_a_cache_that_cannot_be_made_is_said_in_a_systems_words(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "cache" / "retrains.sqlite"
    with pytest.warns(UserWarning, match="not kept") as said:
        Engine(backend(), ResultCache(path)).run(Plan(pool(), Sums(), LABELS))
    assert [str(warning.message) for warning in said] == [
        f"{path}: finished retrains are not kept ({path.parent}: Not a directory)"
    ]


def test_a_cache_that_nobody_asks_leaves_no_file(tmp_path):
    cache = ResultCache(tmp_path / "cache" / "retrains.sqlite")
    cache.close()
    assert list(tmp_path.iterdir()) == []


def test_an_outcome_of_another_size_is_trained_again(tmp_path):
    path = tmp_path / "retrains.sqlite"
    cache = ResultCache(path)
    plan = Plan(pool(), Sums(), LABELS)
    Engine(backend(), cache).run(plan)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE retrains SET outcome = x'00'")
    connection.close()
    assert Engine(backend(), cache).run(plan).values["value"].tolist() == VALUES


def test_only_doubt_that_matters_is_settled_and_the_rest_stays_doubtful(tmp_path):
    cache = ResultCache(tmp_path / "retrains.sqlite")
    model = Sums(doubtful={3, 6})
    first = Engine(backend(), cache).run(Plan(pool(), model, LABELS), lambda outcomes: outcomes["value"] == 1006)
    assert first.values["value"].tolist() == [1003, 6, 1003, 1003]
    assert first.rechecked.tolist() == [False, True, False, False]
    assert model.exact == 1
    again = Engine(backend(), cache).run(Plan(pool(), model, LABELS))  # another run wants certainty
    assert again.values["value"].tolist() == VALUES
    assert (again.trained, model.exact) == (0, 3)


class Places(Sums):
    """Says where it is bound to; a retrain on the CPU takes two seconds."""

    def __init__(self, times):
        super().__init__()
        self.times, self.where = times, []

    def bind(self, pool, backend):
        self.where.append(backend.name)
        self.on_cpu = backend.name == "cpu"
        return self

    def train(self, rows, labels, seeds, exact):
        self.times.work(2.0 * len(rows) * self.on_cpu)
        return super().train(rows, labels, seeds, exact)


@pytest.mark.parametrize(("plans", "places", "batches"), [
    ([2], ["cpu"], [1, 1]),  # four seconds: a GPU would not pay
    ([6], ["cpu", "cuda"], [1, 5]),  # twelve: seen after the first
    ([2, 2, 2], ["cpu", "cpu", "cuda", "cuda"], [1, 1, 1, 1, 1, 1]),  # what was before counts
])  # fmt: skip
def test_a_gpu_is_taken_once_it_pays(plans, places, batches, times):
    model, asked = Places(times), []

    def longer():
        asked.append(1)
        return Backend("cuda", "test", 1, 10**9, 5)

    engine = Engine(Backend("cpu", "test", 1, 10**9, longer=longer), batch_size=None if plans == [6] else 1)
    labels = [np.array(bits, np.uint8) for bits in np.ndindex(2, 2, 2, 2)][1:]
    if plans == [6]:
        engine._pace[False] = 1.0  # one retrain a batch
    for at, count in enumerate(plans):
        got = engine.run(Plan(pool(), model, labels[2 * at : 2 * at + count]))
        expected = [int(np.arange(4) @ of) for of in labels[2 * at : 2 * at + count]]
        assert got.values["value"].tolist() == expected
    assert model.where == places
    assert model.batches == batches
    assert len(asked) == ("cuda" in places)
    assert engine.backend.name == places[-1]
