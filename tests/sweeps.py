"""What sweeps over the code look at: modules and files, found anew each time, so that none can be forgotten."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

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


def decisions() -> dict[str, str]:
    """Every public function of the core but the demo's that decides, by module and name, with the right that it asks for first."""
    found = {}
    for file in sorted(set(CORE.rglob("*.py")) - set((CORE / "demo").rglob("*.py"))):
        for function in ast.parse(file.read_text()).body:
            if isinstance(function, ast.FunctionDef) and not function.name.startswith("_"):
                asked = [node for node in ast.walk(function) if _is_question(node)]
                if asked:
                    first = min(asked, key=lambda node: (node.lineno, node.col_offset))
                    found[f"{module_name(file)}.{function.name}"] = ast.unparse(first.args[0]).removeprefix("Right.")
    return found


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
    return any(
        (isinstance(node, ast.Attribute) and node.attr in ("writing", "concluding"))
        or (isinstance(node, ast.Name) and node.id in ("transaction", "RunRecorder"))
        for node in ast.walk(function)
    )


def _asks(function: ast.FunctionDef) -> bool:
    return any(_is_question(node) for node in ast.walk(function))


def _is_question(node: ast.AST) -> TypeGuard[ast.Call]:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("deciding", "require")
        and ast.unparse(node.args[0]).startswith("Right.")
    )


def page_names() -> set[str]:
    """The pages that there are, by their addresses."""
    return {file.stem for file in (ROOT / "pages").glob("*.py")} - {"__init__"}


def constant(source: str, name: str) -> Any:
    """What a module sets a name to, where that is written out."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise LookupError(name)
