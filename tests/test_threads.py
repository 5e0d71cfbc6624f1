"""What is recorded does not depend on the number of cores: products of matrices and solvers compute with one thread."""

from __future__ import annotations

import ast
import builtins
import importlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import tailguard
from tailguard.domain.facts import Fact
from tailguard.domain.gates import Mode
from tailguard.domain.references import ReferenceKind
from tailguard.domain.suite import Prompt, Suite
from tailguard.policy.model import Gate
from tailguard.stages.gate import Evaluated, gate
from tailguard.store.files import Store
from tailguard.threads import one_thread
from tests.domain.test_references import sound_predecessor

PROMPTS, SAMPLES, WORDS = 20, 30, 20  # a group of prompts has more answers than their vectors have dimensions
KNOWN = [name for name in dir(builtins) if name.islower()]
SUITE = Suite(
    "small", tuple(Prompt(f"p{number}", "say it", "all", True) for number in range(PROMPTS)), frozenset(KNOWN[::10])
)
SOLVERS = ("sklearn", "scipy.optimize", "scipy.linalg", "scipy.sparse.linalg", "scipy.cluster")
PRODUCTS = {"dot", "vdot", "inner", "matmul", "tensordot", "lstsq"}
ROW_BY_ROW = {"norm"}
"""NumPy computes norms along an axis with its own loops."""


def answers(store: Store, seed: int) -> str:
    texts = np.random.default_rng(seed).choice(KNOWN, size=(PROMPTS * SAMPLES, WORDS)).tolist()
    rows = [{"prompt_id": f"p{at // SAMPLES}", "text": " ".join(text)} for at, text in enumerate(texts)]
    return store.put_table("outputs", pa.Table.from_pylist(rows))


def facts_of_a_gate(folder: Path) -> tuple[Fact, ...]:
    store = Store(folder)
    outcome = gate(
        Evaluated("main/1", "suite", answers(store, 1), "decoding"),
        again=answers(store, 2),
        references={ReferenceKind.PARENT: Evaluated("main/0", "suite", answers(store, 0), "decoding")},
        predecessors=[sound_predecessor("main/0")],
        suite=SUITE,
        anchor=None,
        lineage="main",
        mode=Mode.ENFORCE,
        store=store,
        policy=Gate(),
        seed=0,
    )
    return outcome.facts


def test_a_gate_records_the_same_facts_on_one_and_on_two_cores(tmp_path: Path) -> None:
    with threadpool_limits(1):
        alone = facts_of_a_gate(tmp_path / "one")
    with threadpool_limits(2):
        together = facts_of_a_gate(tmp_path / "two")

    assert any("Vendi score" in str(fact) for fact in alone)
    assert together == alone


def numbers_of_threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info()}


def test_those_who_compute_at_the_same_time_do_not_give_threads_back_under_each_other() -> None:
    before = numbers_of_threads()

    def compute(_: int) -> set[int]:
        with one_thread():
            return numbers_of_threads()

    with ThreadPoolExecutor(4) as pool:
        during = list(pool.map(compute, range(12)))

    assert during == [{1}] * 12
    assert numbers_of_threads() == before


def test_a_library_that_was_loaded_inside_is_limited_by_the_next_block() -> None:
    with threadpool_limits(2), one_thread():
        importlib.import_module("sklearn.cluster")  # brings OpenMP
        with one_thread():
            inside = numbers_of_threads()

    assert inside == {1}


class Unguarded(ast.NodeVisitor):
    """Lines that multiply matrices or call a solver outside of `with one_thread():`."""

    def __init__(self, tree: ast.Module) -> None:
        self.lines: list[int] = []
        self._solvers = {
            name.asname or name.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(SOLVERS)
            for name in node.names
        }
        self.visit(tree)

    def visit_With(self, node: ast.With) -> None:
        if not any(ast.unparse(item.context_expr) == "one_thread()" for item in node.items):
            self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, ast.MatMult):
            self.lines.append(node.lineno)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        names = [
            part.attr if isinstance(part, ast.Attribute) else part.id
            for part in ast.walk(node.func)
            if isinstance(part, ast.Attribute | ast.Name)
        ]
        solves = self._solvers.intersection(names) or "linalg" in names
        if names and (solves or names[0] in PRODUCTS) and names[0] not in ROW_BY_ROW:
            self.lines.append(node.lineno)
        self.generic_visit(node)


def unguarded(source: str) -> list[int]:
    return Unguarded(ast.parse(source)).lines


def modules() -> Iterator[Path]:
    yield from sorted(Path(tailguard.__file__).parent.rglob("*.py"))


def test_every_product_of_matrices_and_every_solver_computes_with_one_thread() -> None:
    found = {str(path): lines for path in modules() if (lines := unguarded(path.read_text(encoding="utf-8")))}

    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        "c = a @ b",
        "c = a.dot(b)",
        "np.linalg.eigvalsh(a)",
        "from scipy.linalg import eigh\neigh(a)",
        "def f():\n    from sklearn.cluster import KMeans\n    with open(a):\n        KMeans(3).fit(a)",
    ],
)
def test_the_sweep_finds_one_that_does_not(source: str) -> None:
    assert unguarded(source) != []
    assert unguarded("with one_thread():\n    np.linalg.eigvalsh(a @ b)") == []
