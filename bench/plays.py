"""Loops in large graphs, a drill by its commands, and a repetition, measured: python -m bench.plays [DEMO]"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import networkx as nx
import numpy as np
from rich.console import Console
from rich.table import Table

from tailguard.adapters.trainers.ngram import NgramModel, fit, sample
from tailguard.demo.harvest import harvest
from tailguard.diversity.monitoring import MEASURES, blocks, e_process, freeze_reference, measure
from tailguard.domain.measures import MARGINS, Measure
from tailguard.handoff.replay import reproduce
from tailguard.plays.loops.flows import Edge
from tailguard.plays.loops.search import components, cut, cycles
from tailguard.plays.status import team_state
from tailguard.response import protocol
from tailguard.response.drill import start_drill
from tailguard.workspace import Workspace


def timed(work: Callable[[], object], *, rounds: int = 3) -> float:
    """Median CPU seconds."""
    found = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        found.append(time.process_time() - begun)
    return statistics.median(found)


def _networkx(graph: nx.DiGraph[str]) -> list[set[str]]:
    return list(nx.strongly_connected_components(graph))


def graphs(table: Table) -> None:
    """10,000 nodes and 50,000 edges: at random (one giant component), and in layers with a few edges back."""
    chance = random.Random(0)  # noqa: S311  a sample, not a secret
    names = [f"n{number}" for number in range(10_000)]
    tangled = {Edge(chance.choice(names), chance.choice(names)) for _ in range(50_000)}
    layered: set[Edge] = set()
    while len(layered) < 49_990:
        one, two = sorted(chance.sample(range(10_000), 2))
        layered.add(Edge(names[one], names[two]))
    for _ in range(10):
        one, two = sorted(chance.sample(range(10_000), 2))
        layered.add(Edge(names[two], names[one]))
    for name, edges in (("random", tangled), ("layered, 10 edges back", layered)):
        guarded = set(list(edges)[:5000])
        for what, work in (("unguarded components", components), ("loops listed", cycles), ("suggested cut", cut)):
            table.add_row(f"{name}: {what}", f"{timed(partial(work, edges, guarded)):.2f} s")
        graph = nx.DiGraph([(edge.source, edge.target) for edge in edges - guarded])
        peer = timed(partial(_networkx, graph))
        table.add_row("   networkx alone, components", f"{peer:.2f} s")


def workspace(root: Path, table: Table) -> None:
    """A drill end to end and a repetition of the newest shipped generation, wall clock."""
    space = Workspace(root, "ada")
    with space.log.read_published() as view:
        begun = time.perf_counter()
        state = team_state(view, space.clock.now())
        table.add_row("everything that plays find", f"{time.perf_counter() - begun:.2f} s")
    newest = next(lineage.shipped for lineage in state.context.lineages if lineage.name == "guarded")
    begun = time.perf_counter()
    name = start_drill(space, "guarded", seed=0).incident
    table.add_row("drill: planted and watched", f"{time.perf_counter() - begun:.1f} s")
    for step in (protocol.freeze, protocol.rollback, protocol.audit, protocol.prepare):
        at = time.perf_counter()
        step(space, name)
        table.add_row(f"... {step.__name__}", f"{time.perf_counter() - at:.2f} s")
    protocol.close(space, name, cause="a measurement", play="drill", change="none, a measurement")
    table.add_row("... in all", f"{time.perf_counter() - begun:.1f} s")
    begun = time.perf_counter()
    found = reproduce(space.as_actor("bench"), str(newest))
    taken = time.perf_counter() - begun
    result = f"{taken:.1f} s, {found.compared} facts, identical: {found.identical}"
    table.add_row(f"reproduce {newest}", result)
    table.add_row("peak memory", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


def false_alarms(table: Table, streams: int = 20) -> None:
    """Streams of one unchanged model: how many raise an alarm within ten weeks?"""
    passages = list(harvest().passages)
    raised = 0
    for seed in range(streams):
        random.Random(seed).shuffle(passages)  # noqa: S311  a sample, not a secret
        model = fit(passages[:12_000])

        def written(count: int, seed: int, model: NgramModel = model) -> list[str]:
            texts = sample(model, [""] * count, max_tokens=60, temperature=1.0, seed=seed)
            return [text for text in texts if len(text.split()) >= 8]

        reference, _ = freeze_reference(written(3000, seed * 100 + 1), block_words=400, seed=0)
        values: dict[Measure, list[float]] = {name: [] for name in MEASURES}
        for week in range(10):
            found = blocks(written(1500, seed * 100 + 2 + week), block_words=400, seed=0)
            for name, some in measure(found, rare=reference.rare, rare_cap=reference.rare_cap).items():
                values[name] += some.tolist()
        raised += any(
            e_process(
                np.array(values[name]), mean=reference.means[name], error=reference.errors[name], margin=MARGINS[name]
            ).max()
            >= len(MEASURES) / 0.01
            for name in MEASURES
        )
    table.add_row("unchanged streams with a false alarm", f"{raised} of {streams}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "demo", type=Path, nargs="?", help="the workspace of a demo: its drill and a repetition as well"
    )
    demo: Path | None = parser.parse_args().demo
    table = Table("figure", "measured")
    graphs(table)
    false_alarms(table)
    if demo:
        workspace(demo, table)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
