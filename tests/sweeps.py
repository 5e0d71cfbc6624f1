"""What sweeps over the code look at: modules and files, found anew each time, so that none can be forgotten."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
CORE = ROOT / "core" / "tailguard"


def attributes(source: str) -> set[str]:
    """The names after a dot that a module reads, calls or sets."""
    return {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}


def imports(source: str) -> set[str]:
    """The modules that a module imports, at its top or within a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update({node.module, *(f"{node.module}.{name.name}" for name in node.names)})
    return found


def pages() -> Iterator[Path]:
    """The dashboard's files: app.py and all of pages/."""
    yield ROOT / "app.py"
    yield from sorted((ROOT / "pages").rglob("*.py"))
