"""Exemptions from checks name a line or a function, never a module or a folder of the core."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parent.parent / "pyproject.toml"


def loosened(tool: dict[str, Any]) -> list[str]:
    """What a project's settings let the core get away with, but for libraries that have no types."""
    found = [
        f"mypy: {name} for {override['module']}"
        for override in tool["mypy"].get("overrides", [])
        for name in override
        if name not in ("module", "ignore_missing_imports")
    ]
    for pattern, codes in tool["ruff"]["lint"].get("per-file-ignores", {}).items():
        # Alembic orders migrations by the number that leads their names.
        if pattern.startswith(("core", "*")) and (pattern, codes) != (MIGRATIONS, ["N999"]):
            found.append(f"ruff: {codes} for {pattern}")
    return found


MIGRATIONS = "core/tailguard/runlog/migrations/versions/0*.py"


def test_no_module_of_the_core_is_exempt_from_a_check() -> None:
    tool = tomllib.loads(PROJECT.read_text())["tool"]

    assert loosened(tool) == []
    assert tool["mypy"]["strict"] is True


def test_types_are_checked_in_all_that_is_written_here() -> None:
    files = tomllib.loads(PROJECT.read_text())["tool"]["mypy"]["files"]

    assert set(files) == {"core/tailguard", "pages", "app.py", "tests", "bench"}


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ('[[tool.mypy.overrides]]\nmodule = ["tailguard.quality.kernel"]\ndisable_error_code = ["arg-type"]', "mypy: disable"),
        ('[tool.ruff.lint.per-file-ignores]\n"core/tailguard/quality/**" = ["PLR0912"]', "ruff: ['PLR0912'] for core/"),
    ],
)  # fmt: skip
def test_an_exemption_for_a_module_is_found(table: str, expected: str) -> None:
    tool = tomllib.loads(f"[tool.mypy]\n[tool.ruff.lint]\n{table}")["tool"]

    assert [change[: len(expected)] for change in loosened(tool)] == [expected]
