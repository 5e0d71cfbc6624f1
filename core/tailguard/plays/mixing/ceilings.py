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
from tailguard.domain.roles import Right
from tailguard.errors import InputError
from tailguard.experiments import laws
from tailguard.experiments.chains import SHARES, Chain, Loss, Point, curve, recommended, run
from tailguard.plays.monitoring.suite import rare_terms
from tailguard.runlog.views.references import frozen_anchor
from tailguard.store.files import Store
from tailguard.store.writing import canonical_json, digest_of, write_atomically
from tailguard.workspace import Workspace

MEASURE = "recall of rare terms"
MOST_TEXTS = 3000
FEWEST_TEXTS = 200
KEEP = 0.95
FORMAT = "tailguard-ceiling/1"


@dataclass(frozen=True, kw_only=True)
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
        last = [point for point in self.points if point.generation == self.generations]
        lines = [
            f"{MEASURE} after {self.generations} generations on {self.texts:,} of your texts (mean of {self.repeats}, 90 %):"
        ]
        lines += [
            f"  {point.share:>4.0%} synthetic: {point.value:.1%} ({point.low:.1%} to {point.high:.1%})"
            for point in last
        ]
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
    progress: Callable[[int, int], None],
) -> Calibration:
    """Run the chains and record what they came to. A calibration that was interrupted takes up the chains that had ended.

    Raises InputError without an anchor, or with one that is too small.
    """
    rules = workspace.require(Right.SET_UP).lineage(lineage)
    sample = _sample_of_anchor(workspace, seed)
    chains = [
        Chain(share, generations, seed + 1 + repeat)
        for repeat in range(repeats)
        for share in sorted(SHARES, reverse=True)
    ]
    name = digest_of(canonical_json([FORMAT, sample.anchor, seed, generations, len(sample.texts)]))[:16]
    losses = _run(chains, sample.texts, workspace.root / "cache" / "ceilings" / name, workers, progress)
    points = tuple(curve(losses))
    calibration = Calibration(
        lineage=lineage,
        experiment=_keep_experiment(workspace.store, sample, losses),
        ceiling=rules.ceiling,
        recommended=recommended(points, margin=margin),
        margin=margin,
        generations=generations,
        repeats=repeats,
        texts=len(sample.texts),
        smallest_cell=sample.smallest_cell,
        closed_form=laws.largest_share(sample.smallest_cell, keep=KEEP),
        points=points,
    )
    with workspace.deciding(Right.SET_UP) as tx:
        tx.record(*_facts_of(calibration))
    return calibration


@dataclass(frozen=True)
class _Sample:
    """Human texts of the frozen anchor to experiment on, and how many records the anchor's smallest slice has."""

    anchor: str
    texts: Sequence[str]
    smallest_cell: int


def _sample_of_anchor(workspace: Workspace, seed: int) -> _Sample:
    """A random sample of at most MOST_TEXTS. Raises InputError without an anchor, or with one that is too small."""
    with workspace.log.reading() as view:
        anchor = frozen_anchor(view)
        if anchor is None:
            raise InputError("No anchor is frozen yet. Freeze one with `tailguard anchor freeze FILE`.")
        slices = [row.fact.records for row in view.recorded(AnchorSlice, anchor=anchor.fact.anchor)]
    texts = workspace.store.table("anchors", anchor.fact.anchor, ["text"])["text"].to_pylist()
    if len(texts) < FEWEST_TEXTS:
        raise InputError(f"The anchor has {len(texts):,} records; the experiment needs {FEWEST_TEXTS:,}.")
    random.Random(seed).shuffle(texts)  # noqa: S311  a sample, not a secret
    return _Sample(anchor.fact.anchor, texts[:MOST_TEXTS], min(slices, default=anchor.fact.records))


def _keep_experiment(store: Store, sample: _Sample, losses: Sequence[Loss]) -> str:
    """Keep every chain's figures; returns their digest."""
    return store.put_json(
        "experiments",
        {
            "format": FORMAT,
            "anchor": sample.anchor,
            "measure": MEASURE,
            "texts": len(sample.texts),
            "losses": [{**asdict(loss.chain), "recall": loss.recall} for loss in losses],
        },
    )


def _facts_of(calibration: Calibration) -> list[Fact]:
    experiment, lineage = calibration.experiment, calibration.lineage
    return [
        CeilingCalibrated(
            lineage=lineage,
            experiment=experiment,
            measure=MEASURE,
            generations=calibration.generations,
            repeats=calibration.repeats,
            margin=calibration.margin,
            recommended=calibration.recommended,
            smallest_cell=calibration.smallest_cell,
            closed_form=calibration.closed_form,
            ceiling=calibration.ceiling,
        ),
        *(
            CeilingPoint(
                experiment=experiment,
                lineage=lineage,
                share=point.share,
                generation=point.generation,
                value=point.value,
                low=point.low,
                high=point.high,
            )
            for point in calibration.points
        ),
    ]


def _run(
    chains: Sequence[Chain],
    human: Sequence[str],
    folder: Path,
    workers: int | None,
    progress: Callable[[int, int], None],
) -> list[Loss]:
    """Each chain's result is kept as soon as it has ended, so that an interruption loses at most those in progress."""
    rare = rare_terms(human)
    files = {chain: folder / f"{chain.share:g}-{chain.seed}.json" for chain in chains}
    waiting = [chain for chain in chains if not files[chain].exists()]
    done = len(chains) - len(waiting)
    progress(done, len(chains))
    if waiting:
        count = min(len(waiting), workers or os.cpu_count() or 1)
        with worker_processes(count, _begin, (human, rare)) as pool:
            for future in as_completed([pool.submit(_one, chain) for chain in waiting]):
                loss = future.result()
                write_atomically(files[loss.chain], canonical_json(loss.recall))
                done += 1
                progress(done, len(chains))
    return [Loss(chain, tuple(json.loads(files[chain].read_bytes()))) for chain in chains]


_shared: tuple[Sequence[str], frozenset[str]] = ((), frozenset())


def _begin(human: Sequence[str], rare: frozenset[str]) -> None:
    """What every worker process is given once."""
    global _shared  # noqa: PLW0603  a worker process is set up once
    _shared = (human, rare)


def _one(chain: Chain) -> Loss:
    return run(chain, *_shared)
