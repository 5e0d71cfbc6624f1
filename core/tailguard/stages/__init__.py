"""The stages, in order: intake, score, compose, train, evaluate, gate, handoff.

Each is a function from values to an Outcome. Stages do not know each other, the run log or any adapter; `pipeline`
connects them.
"""
