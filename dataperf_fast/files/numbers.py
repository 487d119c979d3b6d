"""The text of a number as Arrow, NumPy and pandas read it; ``float`` knows 1_000 and other scripts' digits too."""

from __future__ import annotations

import re

NUMBER = re.compile(r"[ \t]*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*")
