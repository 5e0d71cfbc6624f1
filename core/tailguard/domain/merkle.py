"""One digest for a whole ledger, and a short proof that a tag stands in it (RFC 6962, section 2.1, with SHA-256)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """A sibling on the way from a leaf to the root, in hex, and whether it stands on the left."""

    sibling: str
    left: bool


def root(leaves: Sequence[str]) -> str:
    """The Merkle root of leaves (any text), in hex. An empty ledger has the digest of nothing."""
    return levels(leaves)[-1][0].hex() if leaves else hashlib.sha256(b"").hexdigest()


def levels(leaves: Sequence[str]) -> list[list[bytes]]:
    """The tree from its leaves' hashes up to its root; a node without a sibling moves up as it is."""
    level = [hashlib.sha256(b"\x00" + leaf.encode()).digest() for leaf in leaves]
    tree = [level]
    while len(level) > 1:
        paired = [_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = paired + level[2 * len(paired) :]
        tree.append(level)
    return tree


def proof(leaves: Sequence[str], place: int) -> tuple[Step, ...]:
    """The siblings that lead from leaf `place` to the root. Raises IndexError for a place outside the ledger."""
    if not 0 <= place < len(leaves):
        raise IndexError(place)
    steps = []
    for level in levels(leaves)[:-1]:
        sibling = place ^ 1
        if sibling < len(level):
            steps.append(Step(level[sibling].hex(), sibling < place))
        place //= 2
    return tuple(steps)


def proves(leaf: str, steps: Sequence[Step], expected_root: str) -> bool:
    """Whether the steps lead from this leaf to that root."""
    node = hashlib.sha256(b"\x00" + leaf.encode()).digest()
    for step in steps:
        sibling = bytes.fromhex(step.sibling)
        node = _node(sibling, node) if step.left else _node(node, sibling)
    return node.hex() == expected_root


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
