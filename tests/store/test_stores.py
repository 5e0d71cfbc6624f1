"""Two stores in one process know nothing of each other, and one that nobody uses any more is let go."""

from __future__ import annotations

import ast
import gc
import weakref
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

import tailguard
from tailguard.domain.suite import Suite
from tailguard.errors import InputError
from tailguard.stages.gate import Evaluated, _anchor_words, answered
from tailguard.store.files import Store
from tailguard.store.suites import read_suite

SUITE = Suite("small", (), frozenset())


def kept_suite(store: Store) -> str:
    return store.put_json("suites", {"name": "small", "kind": "instructions", "prompts": [], "rare_terms": []})


def kept_answers(store: Store) -> str:
    return store.put_table("outputs", pa.table({"prompt_id": ["p"], "text": ["a fish"]}))


def kept_anchor(store: Store) -> str:
    return store.put_table("anchors", pa.table({"text": ["a fish"]}))


def read_answers(store: Store, digest: str) -> object:
    return answered(store, Evaluated("main/0", "suite", digest, "decoding"), SUITE)


@pytest.mark.parametrize(
    ("keep", "read"), [(kept_suite, read_suite), (kept_answers, read_answers), (kept_anchor, _anchor_words)]
)
def test_what_one_store_gave_is_not_taken_for_another_stores(
    tmp_path: Path, keep: Callable[[Store], str], read: Callable[[Store, str], object]
) -> None:
    store = Store(tmp_path / "one")
    digest = keep(store)
    read(store, digest)
    let_go = weakref.ref(store)

    del store
    gc.collect()

    assert let_go() is None
    other = Store(tmp_path / "other")
    other.put_json("requests", {})
    with pytest.raises(InputError, match="is missing from the store"):
        read(other, digest)


def test_no_function_keeps_answers_by_the_store_or_workspace_that_it_was_given() -> None:
    found = [
        f"{path.name}: {node.name}"
        for path in Path(tailguard.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and any("cache" in ast.unparse(decorator).split("(")[0].split("_") for decorator in node.decorator_list)
        and any(ast.unparse(given.annotation or given) in ("Store", "Workspace") for given in node.args.args)
    ]

    assert found == []
