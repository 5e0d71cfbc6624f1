"""Proposes rare-case items for a suite from the anchor: rare terms, rare topics, minority groups. A person accepts them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tailguard.diversity.metrics import words
from tailguard.diversity.topics import Topics, find_topics
from tailguard.domain.roles import Right
from tailguard.errors import InputError
from tailguard.plays.monitoring.suite import rare_terms
from tailguard.runlog.views.references import frozen_anchor
from tailguard.store.writing import canonical_json, write_atomically
from tailguard.workspace import Workspace

PROMPT_WORDS = 5
"""So few words are far below the run of words that counts as contamination."""
_RARE_TOPIC_SHARE = 0.5


@dataclass(frozen=True)
class Proposed:
    """How many items were proposed, by slice."""

    items: int
    slices: dict[str, int]


def propose(workspace: Workspace, out: Path, *, limit: int, seed: int) -> Proposed:
    """Write up to `limit` items a slice to `out`, each with `accept: null` for a person to answer and `why` it is rare.

    The prompt of an item is what leads up to a rare term in an anchor record, or the opening of a record of one of the rarest
    topics (those with less than half of an equal share), or of a minority group that the policy names in [suite]. Raises
    InputError when no anchor is frozen, or nothing can be proposed.
    """
    with workspace.log.reading() as view:
        anchor = frozen_anchor(view)
    if anchor is None:
        raise InputError("Freeze the anchor first: items are proposed from it (`tailguard anchor freeze`).")
    table = workspace.store.table("anchors", anchor.fact.anchor)
    texts = table["text"].to_pylist()
    metas = table["meta"].to_pylist() if "meta" in table.column_names else [""] * len(texts)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(texts)).tolist()
    used: set[str] = set()
    rows, counts = [], Counter[str]()
    for where, why, at, term in _candidates(texts, metas, order, workspace.require(Right.SET_UP).suite.minority_groups):
        prompt = _before(texts[at], term) if term else " ".join(texts[at].split()[:PROMPT_WORDS])
        if counts[where] >= limit or prompt in used or len(prompt.split()) < PROMPT_WORDS:
            continue
        used.add(prompt)
        counts[where] += 1
        rows.append(
            {
                "id": f"{where} {counts[where]}",
                "prompt": prompt,
                "slice": where,
                "tail": True,
                "why": why,
                "accept": None,
            }
        )
    if not rows:
        raise InputError("The anchor has no rare term, topic or group that an item could be proposed from.")
    write_atomically(out, b"".join(canonical_json(row) for row in rows))
    return Proposed(len(rows), dict(counts))


def _candidates(
    texts: Sequence[str], metas: Sequence[str], order: Sequence[int], groups: Sequence[str]
) -> Iterator[tuple[str, str, int, str]]:
    """Slice, reason and place of records that could give an item, and the term it is about; the rarest first in each slice."""
    split = [words(text) for text in texts]
    spread = Counter(word for text_words in split for word in set(text_words))
    rare = rare_terms(texts)
    rarest = {at: min(rare.intersection(split[at]), key=lambda word: (spread[word], word), default="") for at in order}
    for at in sorted((at for at in order if rarest[at]), key=lambda at: spread[rarest[at]]):
        yield (
            "rare terms",
            f"holds {rarest[at]!r}, which stands in {spread[rarest[at]]} of {len(texts)} anchor records",
            at,
            rarest[at],
        )
    topics = Topics(find_topics(split))
    of = topics.of(split)
    sizes = Counter(of.tolist())
    limit = _RARE_TOPIC_SHARE * len(texts) / len(topics)
    members: dict[int, list[int]] = defaultdict(list)
    for at in order:
        members[int(of[at])].append(at)
    for topic in sorted((number for number in sizes if sizes[number] < limit), key=lambda number: sizes[number]):
        for at in members[topic]:
            yield "rare topics", f"its topic has {sizes[topic]} of {len(texts)} anchor records", at, ""
    for group in groups:
        name, _, value = group.partition("=")
        for at in order:
            meta = json.loads(metas[at]) if metas[at] else {}
            if isinstance(meta, dict) and str(meta.get(name.strip())) == value.strip():
                yield group, f"the policy names {group} as a minority group", at, ""


def _before(text: str, term: str) -> str:
    """The words ahead of a term's first occurrence, at most five."""
    pieces = text.split()
    at = next((position for position, piece in enumerate(pieces) if term in words(piece)), 0)
    return " ".join(pieces[max(0, at - PROMPT_WORDS) : at])
