"""What a source of images takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

_KINDS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpg"}


class GenerationError(RuntimeError):
    """No image came, whatever was tried. The line holds neither the prompt nor a key."""


@dataclass(frozen=True)
class Generated:
    """A set of images of one prompt, encoded; who made it, at what cost in US dollars, if known, and in what time.

    ``flags`` are what the provider says of its safety: a refusal is a set without images, flagged ``refused``.
    """

    images: tuple[bytes, ...]
    provider: str
    model: str
    cost: float | None = None
    flags: Mapping[str, str | bool] = field(default_factory=dict)
    seconds: float = 0.0


class ImageSource(Protocol):
    """Makes images of prompts."""

    @property
    def model(self) -> str:
        """The model's name."""
        ...

    def generate(self, prompt: str, count: int) -> Generated:
        """Make ``count`` images of a prompt. Raises ``GenerationError`` where none can be had."""
        ...


def kind(image: bytes) -> str:
    """png, jpg or webp by an image's first bytes; empty for anything else."""
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return "webp"
    return next((name for start, name in _KINDS.items() if image.startswith(start)), "")
