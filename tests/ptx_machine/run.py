"""Run a module with the machine for its card: ``python -m tests.ptx_machine.run dataperf_fast.cli info``, say.

How it runs is said by the environment: ``card.from_environment``. Kernels and their times are listed at the end.
"""

from __future__ import annotations

import runpy
import sys

from . import card, texts


def main() -> None:
    """Run the module that the first argument names, with the others as its own."""
    if len(sys.argv) < 2:
        sys.exit("which module? python -m tests.ptx_machine.run MODULE ARGUMENTS")
    del sys.argv[0]
    if not any(texts.folder().iterdir()):
        print(
            f"machine: nothing is in {texts.folder()} yet: kernels are translated first, many minutes", file=sys.stderr
        )
    with card.inserted(card.from_environment()) as machine:
        try:
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        finally:
            for line in card.summary(machine):
                print(f"machine: {line}", file=sys.stderr)


if __name__ == "__main__":
    main()
