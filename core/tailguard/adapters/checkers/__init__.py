"""Checkers by name: what says of an answer to a suite's item whether it is right (1), wrong (0) or in between.

Built in: exact, contains, regex, numeric. An installed package brings others by the entry point `tailguard.checkers`: a
callable `(output, expected, tolerance) -> float` from 0 to 1.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable
from importlib.metadata import entry_points

from tailguard.domain.suite import Check
from tailguard.errors import InputError, TailguardError
from tailguard.ports import Checker

GROUP = "tailguard.checkers"
_LONGEST = 20_000
_NUMBER = re.compile(r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def exact(output: str, expected: object, tolerance: float) -> float:  # noqa: ARG001
    """The answer, without white space around it, is what was expected."""
    return float(output.strip() == str(expected).strip())


def contains(output: str, expected: object, tolerance: float) -> float:  # noqa: ARG001
    """What was expected (or one of several) stands in the answer, whatever the case."""
    wanted = expected if isinstance(expected, tuple) else [expected]
    return float(any(str(phrase).casefold() in output.casefold() for phrase in wanted))


def regex(output: str, expected: object, tolerance: float) -> float:  # noqa: ARG001
    """The pattern is found in the answer's first 20,000 characters."""
    return float(re.search(str(expected), output[:_LONGEST]) is not None)


def numeric(output: str, expected: object, tolerance: float) -> float:
    """The last number in the answer is within `tolerance` (absolute) of what was expected."""
    numbers = _NUMBER.findall(output[-_LONGEST:])
    if not numbers:
        return 0.0
    wanted = float(str(expected))
    return float(math.isclose(float(numbers[-1].replace(",", "")), wanted, rel_tol=1e-9, abs_tol=max(tolerance, 1e-12)))


_BUILT_IN: dict[str, Checker] = {"exact": exact, "contains": contains, "regex": regex, "numeric": numeric}


def checker_named(name: str) -> Checker:
    """The checker of this name. Raises InputError that lists the known ones."""
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    known = {point.name: point for point in entry_points(group=GROUP)}
    if name not in known:
        near = difflib.get_close_matches(name, [*_BUILT_IN, *known], n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise InputError(f"There is no checker {name!r}. Known are {', '.join(sorted((*_BUILT_IN, *known)))}.{hint}")
    checker: Callable[[str, object, float], float] = known[name].load()
    return checker


def read_check(row: dict[str, object], where: str) -> Check | None:
    """The check that a suite's item states: `check`, `expected`, and optionally `tolerance`; None where it states none.

    Raises InputError for an unknown checker, or one that cannot work with what is expected.
    """
    name = row.get("check")
    if name is None:
        if "expected" in row:
            raise InputError(
                f"{where} has `expected` but no `check`. Name one, such as exact, contains, regex or numeric."
            )
        return None
    tolerance = row.get("tolerance", 0.0)
    if not isinstance(tolerance, int | float) or isinstance(tolerance, bool) or tolerance < 0:
        raise InputError(f"{where}: `tolerance` is a number of at least 0, found {tolerance!r}.")
    if row.get("expected") in (None, ""):
        raise InputError(f"{where} has a check but no `expected`.")
    wanted = row["expected"]
    check = Check(str(name), tuple(wanted) if isinstance(wanted, list) else wanted, float(tolerance))
    checker_named(check.kind)
    try:
        if check.kind == "regex":
            re.compile(str(check.expected))
        if check.kind == "numeric":
            float(str(check.expected))
    except (re.error, ValueError) as error:
        raise InputError(
            f"{where}: {check.expected!r} cannot be used by the checker {check.kind} ({error})."
        ) from error
    return check


def judge(check: Check, output: str) -> float:
    """What the checker says of an answer, 0 to 1. Raises TailguardError where a brought checker gives anything else."""
    value = float(checker_named(check.kind)(output, check.expected, check.tolerance))
    if not 0 <= value <= 1:
        raise TailguardError(f"The checker {check.kind} gave {value}; a score is 0 to 1.")
    return value
