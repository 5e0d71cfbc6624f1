"""Reads frozen suites."""

from __future__ import annotations

from typing import Any

from tailguard.domain.suite import Check, Prompt, Suite, SuiteKind
from tailguard.store.files import Store


def read_suite(store: Store, digest: str) -> Suite:
    """The suite that a digest names."""
    content = store.json("suites", digest)
    prompts = (
        Prompt(**{**item, "check": _check(item["check"]) if item["check"] else None}) for item in content["prompts"]
    )
    return Suite(content["name"], tuple(prompts), frozenset(content["rare_terms"]), SuiteKind(content["kind"]))


def _check(kept: dict[str, Any]) -> Check:
    expected = kept["expected"]
    return Check(kept["kind"], tuple(expected) if isinstance(expected, list) else expected, kept["tolerance"])
