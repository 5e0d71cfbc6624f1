"""Detectors by name: the built-in one, and those that installed packages offer under the entry point `tailguard.detectors`.

An entry point is a function that takes the detector's settings from the policy (`[detectors.NAME]`, or None) and returns
a `ports.Scorer`. What it scores is calibrated on the team's texts before anybody relies on it.
"""

from __future__ import annotations

import difflib
from importlib.metadata import entry_points

from tailguard.errors import InputError
from tailguard.policy.model import Policy
from tailguard.ports import Scorer

BUILT_IN = "style"
GROUP = "tailguard.detectors"


def scorer_named(policy: Policy, name: str) -> Scorer | None:
    """The scorer of this name, or None for the built-in one. Raises InputError that lists the known ones."""
    if name == BUILT_IN:
        return None
    known = {point.name: point for point in entry_points(group=GROUP)}
    if name not in known:
        near = difflib.get_close_matches(name, [BUILT_IN, *known], n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise InputError(
            f"There is no detector {name!r}. Known are {', '.join(sorted((BUILT_IN, *known)))}.{hint} Fix intake.detector "
            "in policy.toml, or install the package that brings it."
        )
    return known[name].load()(getattr(policy.detectors, name, None))  # type: ignore[no-any-return]
