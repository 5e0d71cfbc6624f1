"""What sweeps over the code look at: modules and files, found anew each time, so that none can be forgotten."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def module_name(file: Path) -> str:
    """The dotted name of a module of the core."""
    return ".".join(file.relative_to(CORE.parent).with_suffix("").parts).removesuffix(".__init__")


def modules_with(text: str) -> list[str]:
    """The modules of the core in whose source a text stands."""
    return [module_name(file) for file in sorted(CORE.rglob("*.py")) if text in file.read_text()]


def pages() -> Iterator[Path]:
    """The dashboard's files: app.py and all of pages/."""
    yield ROOT / "app.py"
    yield from sorted((ROOT / "pages").rglob("*.py"))


def writers_that_ask_nobody(source: str) -> set[str]:
    """Public functions of a module that write to the log, or call one of the module's that does, without asking for a right."""
    functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    writing = {name for name, function in functions.items() if _writes(function) and not _asks(function)}
    while more := {
        name
        for name, function in functions.items()
        if name not in writing
        and not _asks(function)
        and writing & {n.id for n in ast.walk(function) if isinstance(n, ast.Name)}
    }:
        writing |= more
    return {name for name in writing if not name.startswith("_")}


def _writes(function: ast.FunctionDef) -> bool:
    found = [node for node in ast.walk(function) if isinstance(node, ast.Attribute)]
    return any(
        one.attr == "writing" or (one.attr in ("record", "decide") and ast.unparse(one.value).endswith(".desk"))
        for one in found
    )


def _asks(function: ast.FunctionDef) -> bool:
    marked = any(ast.unparse(mark).startswith("decision(") for mark in function.decorator_list)
    return marked or any(isinstance(node, ast.Attribute) and node.attr == "may" for node in ast.walk(function))


def page_names() -> set[str]:
    """The pages that there are, by their addresses."""
    return {file.stem for file in (ROOT / "pages").glob("*.py")} - {"__init__"}


def constant(source: str, name: str) -> Any:
    """What a module sets a name to, where that is written out."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise LookupError(name)
