"""Images of prompts: one small interface, an adapter for HTTP image APIs, and one that makes images here."""

from dataperf_fast.boards.nibbler.generation.common import Generated, GenerationError, ImageSource
from dataperf_fast.boards.nibbler.generation.local import Patterns

__all__ = ["Generated", "GenerationError", "ImageSource", "Patterns"]
