"""One pool of threads a size, kept between batches: starting a thread while others compute takes 2.7 ms.

BLAS has threads of its own, which would take the cores from these: products of the fast tier run one a thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as futures_wait
from functools import lru_cache
from typing import Any


@lru_cache
def pool(threads: int) -> ThreadPoolExecutor:
    """The pool of that many threads."""
    return ThreadPoolExecutor(threads)


def start(threads: int, task: Callable[[Any], None], parts: Iterable[Any]) -> Callable[[], None]:
    """Begin to call ``task`` on every part, and return what waits for the end and raises what a task raised.

    Tasks that run compiled code or BLAS run side by side, and beside the caller. One thread does them at once instead.
    """
    if threads == 1:
        for part in parts:
            task(part)
        return lambda: None
    futures = [pool(threads).submit(task, part) for part in parts]

    def wait() -> None:
        finished, _ = futures_wait(futures)  # all of them, so that none runs on after one has failed
        for future in finished:
            future.result()

    return wait


@lru_cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_for_blas() -> Any:
    """A context in which a product takes the thread that asks for it, and no other."""
    return _blas().limit(limits=1, user_api="blas")


def run(threads: int, task: Callable[[Any], None], parts: Iterable[Any]) -> None:
    """Call ``task`` on every part, and return when all are done."""
    start(threads, task, parts)()


# A forked child has the executor and not its threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.cache_clear)
