"""Real human text that every machine has: docstrings of the Python standard library and of the installed packages."""

from __future__ import annotations

import ast
import re
import sysconfig
import warnings
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tailguard.adapters.running import worker_processes
from tailguard.domain.records import normal_form, record_id
from tailguard.errors import InputError

PACKAGES = ("numpy", "pandas", "sklearn", "sqlalchemy", "streamlit")
"""Installed packages that are read besides the standard library: Tailguard's own requirements, large and written by many."""

FEWEST_PASSAGES = 20_000
_FEWEST_WORDS = 12
_LETTER_SHARE = 0.85
_EMPTY_LINE = re.compile(r"\n\s*\n")
_SKIPPED_FOLDERS = {"test", "tests", "site-packages", "idle_test", "lib2to3"}


@dataclass(frozen=True)
class Harvest:
    """Distinct passages, ordered by identity, and how many came from each package."""

    passages: tuple[str, ...]
    sources: Mapping[str, int]


def harvest() -> Harvest:
    """Read, split into paragraphs, and de-duplicate. Raises InputError when this machine has fewer than 20,000 passages."""
    files = [(package, path) for package, root in _roots().items() for path in _python_files(root)]
    by_identity: dict[str, tuple[str, str]] = {}
    with worker_processes(2) as pool:
        for (package, _), passages in zip(
            files, pool.map(_passages, [path for _, path in files], chunksize=64), strict=True
        ):
            for passage in passages:
                by_identity.setdefault(record_id(passage.casefold()), (package, passage))
    if len(by_identity) < FEWEST_PASSAGES:
        raise InputError(
            f"This machine's Python has {len(by_identity):,} docstring passages; the demo needs {FEWEST_PASSAGES:,}. "
            "Install Tailguard with its requirements in an ordinary environment (docstrings are stripped under python -OO)."
        )
    ordered = [by_identity[identity] for identity in sorted(by_identity)]
    return Harvest(
        tuple(passage for _, passage in ordered), dict(Counter(package for package, _ in ordered).most_common())
    )


def _roots() -> dict[str, Path]:
    paths = sysconfig.get_paths()
    packages = {name: Path(paths["platlib"]) / name for name in PACKAGES}
    return {
        "the standard library": Path(paths["stdlib"]),
        **{name: root for name, root in packages.items() if root.is_dir()},
    }


def _python_files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*.py") if not _SKIPPED_FOLDERS & set(path.relative_to(root).parts))


def _passages(path: Path) -> list[str]:
    """Paragraphs of prose in a file's docstrings: at least 12 words, mostly letters, no doctest."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return []
    passages = []
    for node in _statements(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for paragraph in _EMPTY_LINE.split(ast.get_docstring(node) or ""):
                if len(paragraph.split()) < _FEWEST_WORDS or ">>>" in paragraph:
                    continue
                passage = normal_form(paragraph)
                letters = sum(map(str.isalpha, passage)) + passage.count(" ")
                if letters >= _LETTER_SHARE * len(passage):
                    passages.append(passage)
    return passages


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """A module and its statements in the order of `ast.walk`: what can have a docstring, without every expression."""
    waiting: deque[ast.AST] = deque([tree])
    while waiting:
        node = waiting.popleft()
        yield node
        for block in ("body", "handlers", "orelse", "finalbody", "cases"):
            waiting.extend(getattr(node, block, ()))
