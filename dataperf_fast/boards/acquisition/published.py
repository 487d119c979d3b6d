"""What the paper (arXiv 2207.10062) publishes of the acquisition board's baselines.

It is measured on the paper's own data: landmarks, and no measurements of ours.
"""

from __future__ import annotations

from dataperf_fast.boards.board import Published

PUBLISHED = {
    "uniform": Published("UNIFORM", {"0": 0.732, "1": 0.757, "2": 0.771, "3": 0.754, "4": 0.742}),
    "rss": Published("RSS", {"0": 0.705, "1": 0.732, "2": 0.73, "3": 0.721, "4": 0.679}),
    "fss": Published("FSS", {"0": 0.727, "1": 0.719, "2": 0.735, "3": 0.699, "4": 0.678}),
}
