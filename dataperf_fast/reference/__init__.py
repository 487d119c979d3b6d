"""The paper's pipelines, written plainly, one fit at a time: the oracle.

Imports none of plan, engine, models, kernels.
"""
