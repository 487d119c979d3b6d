"""The paper's pipelines, written plainly, one fit at a time: the oracle. ``processes`` runs them as they are defined.

Imports none of plan, engine, models, kernels.
"""
