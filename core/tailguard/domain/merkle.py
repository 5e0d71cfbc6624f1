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


class Growing:
    """A tree that takes leaves one at a time and keeps only the roots of its full subtrees."""

    def __init__(self) -> None:
        self._full: list[tuple[int, bytes]] = []

    def add(self, leaf: str) -> None:
        """The next leaf."""
        size, node = 1, _leaf(leaf)
        while self._full and self._full[-1][0] == size:
            node = _node(self._full.pop()[1], node)
            size *= 2
        self._full.append((size, node))

    def root(self) -> str:
        """The root over all leaves so far, in hex. An empty ledger has the digest of nothing."""
        if not self._full:
            return hashlib.sha256(b"").hexdigest()
        node = self._full[-1][1]
        for _, left in reversed(self._full[:-1]):
            node = _node(left, node)
        return node.hex()


def root(leaves: Sequence[str]) -> str:
    """The Merkle root of leaves (any text), in hex."""
    tree = Growing()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def levels(leaves: Sequence[str]) -> list[list[bytes]]:
    """The tree from its leaves' hashes up to its root; a node without a sibling moves up as it is."""
    level = [_leaf(leaf) for leaf in leaves]
    tree = [level]
    while len(level) > 1:
        paired = [_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        level = paired + level[2 * len(paired) :]
        tree.append(level)
    return tree


def proof(leaves: Sequence[str], position: int) -> tuple[Step, ...]:
    """The siblings that lead from leaf `position` to the root. Raises IndexError for a place outside the ledger."""
    if not 0 <= position < len(leaves):
        raise IndexError(position)
    steps = []
    for level in levels(leaves)[:-1]:
        sibling = position ^ 1
        if sibling < len(level):
            steps.append(Step(level[sibling].hex(), sibling < position))
        position //= 2
    return tuple(steps)


def proves(leaf: str, steps: Sequence[Step], expected_root: str) -> bool:
    """Whether the steps lead from this leaf to that root."""
    node = _leaf(leaf)
    for step in steps:
        sibling = bytes.fromhex(step.sibling)
        node = _node(sibling, node) if step.left else _node(node, sibling)
    return node.hex() == expected_root


def _leaf(leaf: str) -> bytes:
    return hashlib.sha256(b"\x00" + leaf.encode()).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
