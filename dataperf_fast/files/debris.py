"""Names of what lies in a folder that was handed in, and is none of what is handed in."""

from __future__ import annotations

import re

_LITTER = re.compile(r"\.ds_store|\._.*|\.ipynb_checkpoints|__macosx|__pycache__|thumbs\.db|desktop\.ini", re.I | re.S)
_DEBRIS = re.compile(r"\..*|~\$.*|.*~|#.*#|.*\.(?:bak|orig|swp|tmp)", re.I | re.S)
_ABOUT = re.compile(
    r"(?:readme|read_me|licen[cs]e|copying|notice|changelog|requirements|authors|citation|notes?)(?:[._ -].*)?"
    r"|.*\.(?:md|rst|pdf|html?|docx?|ipynb|log)",
    re.I | re.S,
)


def is_litter(name: str) -> bool:
    """Whether systems leave what has this name, whoever uses the folder: ``.DS_Store``, ``__MACOSX``."""
    return _LITTER.fullmatch(name) is not None


def is_debris(name: str) -> bool:
    """Whether what has this name is litter, hidden or an editor's copy, which nobody hands in: ``plan.csv~``."""
    return is_litter(name) or _DEBRIS.fullmatch(name) is not None


def is_about(name: str) -> bool:
    """Whether a file's name is of something to read, about a submission: ``README.txt``, ``method.pdf``."""
    return _ABOUT.fullmatch(name) is not None
