"""What the paper (arXiv 2207.10062) publishes of the speech boards.

It is measured on the paper's own data: landmarks, and no measurements of ours.
"""

from __future__ import annotations

from dataperf_fast.boards.board import Published

PUBLISHED = {
    "baseline": Published(
        "baseline of the paper",
        {"en_25": 0.31, "en_60": 0.41, "pt_25": 0.44, "pt_60": 0.52, "id_25": 0.36, "id_60": 0.43},
    )
}
