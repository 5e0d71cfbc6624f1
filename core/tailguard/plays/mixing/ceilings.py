"""Calibrating the ceiling on a team's own text: chains at several shares, in parallel, kept as they end; then a recommendation."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

from tailguard.adapters.running import worker_processes
from tailguard.domain.facts import AnchorSlice, CeilingCalibrated, CeilingPoint, Fact
from tailguard.errors import InputError
from tailguard.experiments import laws
from tailguard.experiments.chains import SHARES, Chain, Loss, Point, curve, recommended, run
from tailguard.plays.monitoring.suite import rare_terms
from tailguard.runlog.queries import frozen_anchor, recorded
from tailguard.store.writing import canonical_json, digest_of, write_atomically
from tailguard.workspace import Workspace

MEASURE = "recall of rare terms"
MOST_TEXTS = 3000
FEWEST_TEXTS = 200
KEEP = 0.95
FORMAT = "tailguard-ceiling/1"


@dataclass(frozen=True)
class Calibration:
    """What an experiment came to. Shares and values are 0 to 1."""

    lineage: str
    experiment: str
    ceiling: float
    recommended: float
    margin: float
    generations: int
    repeats: int
    texts: int
    smallest_cell: int
    closed_form: float
    points: tuple[Point, ...]

    @property
    def text(self) -> str:
        """For a person at a terminal."""
        last = [one for one in self.points if one.generation == self.generations]
        lines = [
            f"{MEASURE} after {self.generations} generations on {self.texts:,} of your texts (mean of {self.repeats}, 90 %):"
        ]
        lines += [f"  {one.share:>4.0%} synthetic: {one.value:.1%} ({one.low:.1%} to {one.high:.1%})" for one in last]
        lines += [
            f"Recommended ceiling at a margin of {self.margin:.0%}: {self.recommended:.1%}; the policy has {self.ceiling:.0%}.",
            f"In closed form, the smallest slice ({self.smallest_cell:,} records) would bear {self.closed_form:.1%}.",
        ]
        return "\n".join(lines)


def calibrate(
    workspace: Workspace,
    lineage: str,
    *,
    generations: int,
    repeats: int,
    margin: float,
    workers: int | None,
    seed: int,
    tell: Callable[[int, int], None],
) -> Calibration:
    """Run the chains and record what they came to. A calibration that was interrupted takes up the chains that had ended.

    Raises InputError without an anchor, or with one that is too small.
    """
    rules = workspace.policy().lineage(lineage)
    with workspace.log.reading() as connection:
        anchor = frozen_anchor(connection)
        if anchor is None:
            raise InputError("No anchor is frozen yet. Freeze one with `tailguard anchor freeze FILE`.")
        slices = [one.fact.records for one in recorded(connection, AnchorSlice, anchor=anchor.fact.anchor)]
    texts = workspace.store.table("anchors", anchor.fact.anchor, ["text"])["text"].to_pylist()
    if len(texts) < FEWEST_TEXTS:
        raise InputError(f"The anchor has {len(texts):,} records; the experiment needs {FEWEST_TEXTS:,}.")
    random.Random(seed).shuffle(texts)  # noqa: S311  a sample, not a secret
    human = texts[:MOST_TEXTS]
    chains = [
        Chain(share, generations, seed + 1 + repeat)
        for repeat in range(repeats)
        for share in sorted(SHARES, reverse=True)
    ]
    name = digest_of(canonical_json([FORMAT, anchor.fact.anchor, seed, generations, len(human)]))[:16]
    losses = _run(chains, human, workspace.root / "cache" / "ceilings" / name, workers, tell)
    points = tuple(curve(losses))
    experiment = workspace.store.put_json(
        "experiments",
        {
            "format": FORMAT,
            "anchor": anchor.fact.anchor,
            "measure": MEASURE,
            "texts": len(human),
            "losses": [{**asdict(one.chain), "recall": one.recall} for one in losses],
        },
    )
    cell = min(slices, default=anchor.fact.records)
    found = Calibration(
        lineage=lineage,
        experiment=experiment,
        ceiling=rules.ceiling,
        recommended=recommended(points, margin=margin),
        margin=margin,
        generations=generations,
        repeats=repeats,
        texts=len(human),
        smallest_cell=cell,
        closed_form=laws.largest_share(cell, keep=KEEP),
        points=points,
    )
    facts: list[Fact] = [
        CeilingCalibrated(
            lineage,
            experiment,
            MEASURE,
            generations,
            repeats,
            margin,
            found.recommended,
            cell,
            found.closed_form,
            rules.ceiling,
        )
    ]
    facts += [
        CeilingPoint(experiment, lineage, one.share, one.generation, one.value, one.low, one.high) for one in points
    ]
    workspace.desk.record(*facts)
    return found


def _run(
    chains: Sequence[Chain], human: Sequence[str], folder: Path, workers: int | None, tell: Callable[[int, int], None]
) -> list[Loss]:
    """Each chain's result is kept as soon as it has ended, so that an interruption loses at most those at work."""
    rare = rare_terms(human)
    files = {chain: folder / f"{chain.share:g}-{chain.seed}.json" for chain in chains}
    waiting = [chain for chain in chains if not files[chain].exists()]
    done = len(chains) - len(waiting)
    tell(done, len(chains))
    if waiting:
        count = min(len(waiting), workers or os.cpu_count() or 1)
        with worker_processes(count, _begin, (human, rare)) as pool:
            for future in as_completed([pool.submit(_one, chain) for chain in waiting]):
                loss = future.result()
                write_atomically(files[loss.chain], canonical_json(loss.recall))
                done += 1
                tell(done, len(chains))
    return [Loss(chain, tuple(json.loads(files[chain].read_bytes()))) for chain in chains]


_shared: tuple[Sequence[str], frozenset[str]] = ((), frozenset())


def _begin(human: Sequence[str], rare: frozenset[str]) -> None:
    """What every worker process is given once."""
    global _shared  # noqa: PLW0603  a worker process is set up once
    _shared = (human, rare)


def _one(chain: Chain) -> Loss:
    return run(chain, *_shared)
