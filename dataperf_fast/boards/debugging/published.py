"""What the paper (arXiv 2207.10062) publishes of the debugging board's baselines.

It is measured on the paper's own data: landmarks, and no measurements of ours.
"""

from __future__ import annotations

from dataperf_fast.boards.board import Published

# Shares of the items inspected.
PUBLISHED = {
    "consecutive": Published("consecutive", {"mean of the tasks": 0.535}),
    "random": Published("random", {"mean of the tasks": 0.5175}),
    "datascope": Published("DataScope", {"mean of the tasks": 0.1554}),
}
