"""The demo's passages: every docstring of a file, wherever it stands, and prose alone."""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path

import pytest

from tailguard.demo.harvest import _passages, _statements

DEEP = """
try:
    class A:
        async def f(self):
            with self as a:
                def g(): pass
except OSError:
    def h(): pass
else:
    def i(): pass
finally:
    def j(): pass
for x in y:
    def k(): pass
else:
    while z:
        class B: pass
match x:
    case 1:
        def l(): pass
    case _ if (lambda: 1)():
        def m(): pass
"""
SOURCES = [
    DEEP,
    *((Path(sysconfig.get_paths()["stdlib"]) / name).read_text() for name in ("functools.py", "typing.py")),
]


@pytest.mark.parametrize("source", SOURCES, ids=["deep", "functools", "typing"])
def test_what_may_have_a_docstring_comes_in_the_order_of_a_whole_walk(source: str) -> None:
    tree = ast.parse(source)
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

    found = [node for node in _statements(tree) if isinstance(node, kinds)]

    assert found == [node for node in ast.walk(tree) if isinstance(node, kinds)]


def test_paragraphs_of_prose_are_taken_and_short_ones_code_and_doctests_are_not(tmp_path: Path) -> None:
    prose = "A paragraph of prose has a dozen words or more and they are mostly letters"
    code = "x = [1, 2, 3] + [4, 5, 6]; y = {7: 8, 9: 10}; z = x[0] * (y[7] - 11) / 12"
    doctest = f">>> {prose}"
    file = tmp_path / "module.py"
    file.write_text(f'"""Short.\n\n{prose.replace(" of", chr(10) + "of")}\n\n{code}\n  \n{doctest}\n"""\n')

    assert _passages(file) == [prose]
