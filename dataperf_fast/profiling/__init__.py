"""``profile``: where an evaluation's time goes, and how far its kernels are from what the machine can do."""

from dataperf_fast.profiling.profiler import STAGES, Profile, ceilings, profile

__all__ = ["STAGES", "Profile", "ceilings", "profile"]
