"""``verify``: fast against reference, and backend against backend, on a user's own files."""

from dataperf_fast.parity.comparison import Ladder, Report, Rung, ScoreCheck
from dataperf_fast.parity.ladder import verify

__all__ = ["Ladder", "Report", "Rung", "ScoreCheck", "verify"]
