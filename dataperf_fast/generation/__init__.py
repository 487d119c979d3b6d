"""Images of prompts: one small interface, an adapter for HTTP image APIs, and one that makes images here."""

from dataperf_fast.generation.common import Generated, GenerationError, ImageSource
from dataperf_fast.generation.local import Patterns

__all__ = ["Generated", "GenerationError", "ImageSource", "Patterns"]
