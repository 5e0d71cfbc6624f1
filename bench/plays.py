"""Loops in large graphs, a drill by its commands, and a repetition, measured; `python -m bench.plays [WORKSPACE OF A DEMO]`."""

from __future__ import annotations

import random
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import networkx as nx
import numpy as np

from tailguard import reproduction, response
from tailguard.adapters.trainers.ngram import NgramModel, fit, sample
from tailguard.demo.harvest import harvest
from tailguard.diversity.monitoring import MEASURES, blocks, e_process, freeze_reference, measure
from tailguard.plays.loops.flows import Edge
from tailguard.plays.loops.search import components, cut, cycles
from tailguard.plays.status import standing_of
from tailguard.workspace import Workspace


def timed(work: Callable[[], object], *, rounds: int = 3) -> float:
    """Median CPU seconds."""
    found = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        found.append(time.process_time() - begun)
    return statistics.median(found)


def graphs() -> None:
    """10,000 nodes and 50,000 edges: at random (one giant component), and in layers with a few edges back."""
    chance = random.Random(0)
    names = [f"n{number}" for number in range(10_000)]
    tangled = {Edge(chance.choice(names), chance.choice(names)) for _ in range(50_000)}
    layered = set()
    while len(layered) < 49_990:
        one, two = sorted(chance.sample(range(10_000), 2))
        layered.add(Edge(names[one], names[two]))
    for _ in range(10):
        one, two = sorted(chance.sample(range(10_000), 2))
        layered.add(Edge(names[two], names[one]))
    for name, edges in (("random", tangled), ("layered, 10 edges back", layered)):
        guarded = set(list(edges)[:5000])
        print(f"{name}: unguarded components {timed(lambda: components(edges, guarded)):.2f} s", end=", ")  # noqa: B023
        print(f"loops listed {timed(lambda: cycles(edges, guarded)):.2f} s", end=", ")  # noqa: B023
        print(f"suggested cut {timed(lambda: cut(edges, guarded)):.2f} s")  # noqa: B023
        graph = nx.DiGraph([(one.source, one.target) for one in edges - guarded])
        print(f"  networkx alone, components: {timed(lambda: list(nx.strongly_connected_components(graph))):.2f} s")  # noqa: B023


def workspace(root: Path) -> None:
    """A drill end to end and a repetition of the newest shipped generation, wall clock."""
    space = Workspace(root, "ada")
    with space.log.glancing() as connection:
        begun = time.perf_counter()
        standing = standing_of(connection, space.clock.now())
        print(f"everything that plays find: {time.perf_counter() - begun:.2f} s")
    newest = next(one.shipped for one in standing.scene.lineages if one.name == "guarded")
    begun = time.perf_counter()
    name = response.start_drill(space, "guarded", seed=0).incident
    print(f"drill: planted and watched {time.perf_counter() - begun:.1f} s", end="")
    for step in (response.freeze, response.rollback, response.audit, response.prepare):
        at = time.perf_counter()
        step(space, name)  # type: ignore[operator]
        print(f", {step.__name__} {time.perf_counter() - at:.2f} s", end="")
    response.close(space, name, cause="a measurement", play="drill", change="none, a measurement")
    print(f"; in all {time.perf_counter() - begun:.1f} s")
    begun = time.perf_counter()
    found = reproduction.reproduce(space.as_actor("bench"), str(newest))
    print(
        f"reproduce {newest}: {time.perf_counter() - begun:.1f} s, {found.compared} facts, identical: {found.identical}"
    )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


def false_alarms(streams: int = 20) -> None:
    """Streams of one unchanged model: how many raise an alarm within ten weeks?"""
    passages = list(harvest().passages)
    raised = 0
    for seed in range(streams):
        random.Random(seed).shuffle(passages)
        model = fit(passages[:12_000])

        def written(count: int, seed: int, model: NgramModel = model) -> list[str]:
            texts = sample(model, [""] * count, max_tokens=60, temperature=1.0, seed=seed)
            return [text for text in texts if len(text.split()) >= 8]

        reference, _ = freeze_reference(written(3000, seed * 100 + 1), block_words=400, seed=0)
        values: dict[str, list[float]] = {name: [] for name in MEASURES}
        for week in range(10):
            found = blocks(written(1500, seed * 100 + 2 + week), block_words=400, seed=0)
            for name, some in measure(found, rare=reference.rare, rare_cap=reference.rare_cap).items():
                values[name] += some.tolist()
        raised += any(
            e_process(
                np.array(values[name]), mean=reference.means[name], error=reference.errors[name], margin=0.05
            ).max()
            >= len(MEASURES) / 0.01
            for name in MEASURES
        )
    print(f"unchanged streams with a false alarm: {raised} of {streams}")


if __name__ == "__main__":
    graphs()
    false_alarms()
    if len(sys.argv) > 1:
        workspace(Path(sys.argv[1]))
