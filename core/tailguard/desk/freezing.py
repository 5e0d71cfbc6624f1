"""Freezing what later generations are held against: the human anchor set and the evaluation suite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa

from tailguard.diversity.metrics import words
from tailguard.domain.facts import AnchorFrozen, SuiteFrozen
from tailguard.domain.records import RECORD, record_id, tag_columns, token_count
from tailguard.domain.tags import Evidence, Origin, Tag
from tailguard.errors import InputError
from tailguard.ports import Columns, Reader, Reject
from tailguard.runlog.queries import frozen_anchor, frozen_suite
from tailguard.workspace import Workspace

RARE_PASSAGES = (2, 8)
"""A word is rare when it stands in 2 to 8 records of the anchor (SCIENCE 1: the words that go first)."""


def rare_terms(texts: Sequence[str]) -> frozenset[str]:
    """Case-folded words of at least 3 letters that stand in 2 to 8 of the texts."""
    counts = Counter(word for text in texts for word in set(words(text)) if len(word) > 2)
    low, high = RARE_PASSAGES
    return frozenset(word for word, count in counts.items() if low <= count <= high)


def freeze_anchor(workspace: Workspace, file: Path, *, name: str, reader: Reader, columns: Columns) -> str:
    """Freeze a file of verified human records as the anchor set; returns its digest.

    Raises InputError when an anchor is frozen already (it is never replaced wholesale), or when the file has a broken
    record: an anchor is verified as a whole.
    """
    if workspace.log.exists():
        with workspace.log.reading() as connection:
            standing = frozen_anchor(connection)
        if standing:
            raise InputError(
                f"The anchor {standing.fact.name!r} was frozen on {standing.recorded:%Y-%m-%d} and is never replaced wholesale."
            )
    texts: dict[str, str] = {}
    for row in reader(str(file), columns):
        if isinstance(row, Reject):
            raise InputError(
                f"{file} line {row.line}: {row.reason}. An anchor is frozen whole; mend the line or take it out."
            )
        if row.declared not in (None, str(Origin.HUMAN)):
            raise InputError(f"{file} line {row.line} is declared {row.declared}; an anchor holds human records only.")
        texts.setdefault(record_id(row.text), row.text)
    if not texts:
        raise InputError(f"{file} holds no records. An anchor needs some.")
    rows = []
    for identity, text in sorted(texts.items()):
        tag = Tag(identity, Origin.HUMAN, Evidence.REVIEW, f"anchor {name}", workspace.actor, held=False, share=0.0)
        rows.append(
            {
                "id": identity,
                "text": text,
                "source": f"anchor {name}",
                "batch": "",
                "declared": str(Origin.HUMAN),
                "declared_by": "anchor",
                "score": None,
                "tokens": token_count(text),
                "meta": "",
                **tag_columns(tag),
            }
        )
    digest = workspace.store.put_table("anchors", pa.Table.from_pylist(rows, schema=RECORD))
    rare = rare_terms(list(texts.values()))
    workspace.desk.record(
        AnchorFrozen(digest, name, len(rows), sum(token_count(text) for text in texts.values()), len(rare))
    )
    return digest


def freeze_suite(
    workspace: Workspace, file: Path, *, name: str, read_lines: Callable[[Path], list[dict[str, object]]]
) -> str:
    """Freeze a suite: one object a line with `prompt`, and optionally `id`, `slice` and `tail` (true or false).

    Raises InputError for a broken line, a doubled id, a suite without a tail slice, or when no anchor is frozen yet.
    """
    with workspace.log.reading() as connection:
        anchor, standing = frozen_anchor(connection), frozen_suite(connection)
    if anchor is None:
        raise InputError(
            "Freeze the anchor first: a suite's rare terms are those of the anchor (`tailguard anchor freeze`)."
        )
    if standing:
        raise InputError(
            f"The suite {standing.fact.name!r} was frozen on {standing.recorded:%Y-%m-%d}; generations can only be compared on it."
        )
    prompts = []
    for number, row in enumerate(read_lines(file), start=1):
        prompt, tail = row.get("prompt"), row.get("tail", False)
        if not isinstance(prompt, str) or not prompt.strip() or not isinstance(tail, bool):
            raise InputError(
                f"{file} line {number}: expected an object with `prompt` (text) and `tail` (true or false)."
            )
        prompts.append(
            {"id": str(row.get("id", number)), "prompt": prompt, "slice": str(row.get("slice", "all")), "tail": tail}
        )
    doubled = [identity for identity, count in Counter(item["id"] for item in prompts).items() if count > 1]
    if doubled:
        raise InputError(f"{file} has prompt id {doubled[0]!r} more than once. Ids must differ.")
    if not any(item["tail"] for item in prompts):
        raise InputError(f"{file} has no prompt with tail = true. At least one rare-case slice is mandatory.")
    rare = rare_terms(workspace.store.table("anchors", anchor.fact.anchor)["text"].to_pylist())
    content = {"format": "tailguard-suite/1", "name": name, "prompts": prompts, "rare_terms": sorted(rare)}
    digest = workspace.store.put_json("suites", content)
    tail_prompts = sum(bool(item["tail"]) for item in prompts)
    samples = workspace.policy().evaluation.samples
    workspace.desk.record(SuiteFrozen(digest, name, len(prompts), tail_prompts, samples, len(rare)))
    return digest
