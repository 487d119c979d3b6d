"""What the paper (arXiv 2207.10062) publishes of the vision board's baselines.

It is measured on the paper's own data: landmarks, and no measurements of ours.
"""

from __future__ import annotations

from dataperf_fast.boards.board import Published

PUBLISHED = {
    "kmeans": Published("k-means", {"Cupcake": 0.616, "Hawk": 0.741, "Sushi": 0.673}),
    "forest": Published("random forest", {"Cupcake": 0.662, "Hawk": 0.818, "Sushi": 0.644}),
    "pseudo": Published("pseudo label", {"Cupcake": 0.667, "Hawk": 0.82, "Sushi": 0.777}),
}
