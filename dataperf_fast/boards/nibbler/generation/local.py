"""Images made here, of nothing but the prompt's digest: for tests and trials, the same for the same prompt."""

from __future__ import annotations

import hashlib
import io
import time

import numpy as np

from dataperf_fast.boards.nibbler.generation.common import Generated

_BLOCKS, _SIDE = 8, 8  # blocks of a side, pixels of a block's side


class Patterns:
    """Small PNGs of coloured blocks, which depend on the seed, the prompt and the number of the image alone."""

    model = "patterns"

    def __init__(self, seed: int = 0):
        self._seed = seed

    def generate(self, prompt: str, count: int) -> Generated:
        """Make ``count`` images; see ``common.ImageSource``."""
        started = time.perf_counter()
        images = tuple(self._image(prompt, number) for number in range(count))
        return Generated(images, "local", self.model, 0.0, {}, time.perf_counter() - started)

    def _image(self, prompt: str, number: int) -> bytes:
        from PIL import Image

        about = f"{self._seed}\0{number}\0{prompt}".encode("utf-8", "surrogatepass")
        generator = np.random.default_rng(int.from_bytes(hashlib.sha256(about).digest()))
        blocks = generator.integers(0, 256, (_BLOCKS, _BLOCKS, 3), np.uint8)
        encoded = io.BytesIO()
        Image.fromarray(blocks.repeat(_SIDE, axis=0).repeat(_SIDE, axis=1)).save(encoded, "PNG")
        return encoded.getvalue()
