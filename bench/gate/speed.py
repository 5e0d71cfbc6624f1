"""Speed of the gate and of its library beside reference implementations, on the same texts in one run; the peers are test
dependencies."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from bench.gate.answers import compared, pooled
from bench.gate.figures import Figure
from bench.gate.pairs import pair_named
from tailguard.diversity import hdd, mtld, prdc, self_bleu, vendi_score
from tailguard.diversity.decision import Limits
from tailguard.diversity.metrics import words
from tailguard.diversity.outputs import Outputs
from tailguard.diversity.rarity import rare_terms
from tailguard.diversity.report import full_report
from tailguard.diversity.usable import judge
from tailguard.stages.gate import self_test


def seconds(work: Callable[[], object], *, times: int = 3) -> float:
    """CPU seconds, median."""
    measured = []
    for _ in range(times):
        begun = time.process_time()
        work()
        measured.append(time.process_time() - begun)
    return statistics.median(measured)


def texts(count: int, length: int, seed: int = 0) -> list[list[str]]:
    """Word lists with Zipf's frequencies: words that mean nothing, as many and as often as real ones."""
    rng = np.random.default_rng(seed)
    drawn = (rng.zipf(1.3, size=count * length) % 30_000).reshape(count, length)
    return [[f"w{word}" for word in row] for row in drawn.tolist()]


def bleu() -> list[Figure]:
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    smooth, few, many = SmoothingFunction().method1, texts(200, 40), texts(20_000, 40)
    self_bleu(few)
    theirs = seconds(
        lambda: [sentence_bleu(few[:at] + few[at + 1 :], few[at], smoothing_function=smooth) for at in range(len(few))],
        times=1,
    )
    ours = seconds(lambda: self_bleu(few), times=9)
    return [
        Figure("self-BLEU of 200 texts of 40 words: times nltk", f"{theirs / ours:,.0f}", "1,500"),
        Figure("... 20,000 texts: CPU seconds", f"{seconds(lambda: self_bleu(many)):.2f}", "1"),
    ]


def lexical() -> list[Figure]:
    from lexicalrichness import LexicalRichness

    long = texts(2_000, 150)
    mtld(long[:5]), hdd(long[:5])

    def theirs() -> None:
        for tokens in long:
            rich = LexicalRichness(" ".join(tokens), preprocessor=None, tokenizer=str.split)
            rich.mtld(), rich.hdd(draws=42)

    slow, fast = seconds(theirs, times=1), seconds(lambda: (mtld(long), hdd(long)))
    return [Figure("MTLD + HD-D of 2,000 texts of 150 words: times lexicalrichness", f"{slow / fast:,.0f}", "300")]


def semantic() -> list[Figure]:
    from prdc import compute_prdc
    from vendi_score import vendi

    rng = np.random.default_rng(0)
    real, fake = (rng.normal(size=(10_000, 256)).astype(np.float64) for _ in range(2))
    prdc(real[:50], fake[:50])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    prdc(real, fake)
    ours = time.perf_counter() - begun
    middle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    compute_prdc(real_features=real, fake_features=fake, nearest_k=5)
    theirs = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = real / np.linalg.norm(real, axis=1, keepdims=True)
    fast, slow = (
        seconds(lambda: vendi_score(unit)),
        seconds(lambda: vendi.score_X(unit[:3_000], normalize=False), times=1),
    )
    return [
        Figure("PRDC of 10,000 against 10,000 x 256: wall, times prdc", f"{theirs / ours:.1f}", "2.5"),
        Figure(
            "... memory beyond the vectors, MB; theirs",
            f"{(middle - before) / 1024:,.0f}; {(after - before) / 1024:,.0f}",
            "a quarter",
        ),
        Figure("Vendi of 10,000 (dual form), CPU s; vendi-score's n x n form at 3,000", f"{fast:.2f}; {slow:.1f}"),
    ]


def one_comparison(data: Path) -> list[Figure]:
    """`tailguard.compare` of two models' 805 answers, after the first."""
    parent, candidate = pair_named("vicuna").sides(data)
    compared(parent, candidate)
    return [
        Figure(
            "compare of 805 prompts x 1: CPU seconds after start",
            f"{seconds(lambda: compared(parent, candidate)):.1f}",
            "3",
        )
    ]


def whole_gate(data: Path) -> list[Figure]:
    """1,000 prompts x 8 answers of 60 words, three references, every measure, and the self-test."""
    sides = [_outputs(data, side) for side in range(5)]
    rare = rare_terms([words(text) for side in sides for text in side.texts]).terms
    gate_on(sides[:2], rare)
    fresh = [replace(side) for side in sides]  # without what the first comparison kept
    begun, cpu = time.perf_counter(), time.process_time()
    gate_on(fresh[:4], rare)
    wall, cpu_compared = time.perf_counter() - begun, time.process_time() - cpu
    self_test(fresh[0], fresh[4], "m/1", rare_terms=rare, limits=Limits(), seed=0)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return [
        Figure(
            "gate over 1,000 prompts x 8 answers, 3 references: wall s; CPU s", f"{wall:.1f}; {cpu_compared:.1f}", "10"
        ),
        Figure(
            "... with the self-test: wall s; CPU s",
            f"{time.perf_counter() - begun:.1f}; {time.process_time() - cpu:.1f}",
        ),
        Figure("... memory of the process, GiB", f"{memory:.2f}", "1.4"),
    ]


def gate_on(sides: Sequence[Outputs], rare: frozenset[str]) -> None:
    """Compares the first side with each of the others as the gate of a run does: the first comparison in depth."""
    candidate = judge(sides[0])
    for at, reference in enumerate(sides[1:]):
        full_report(
            candidate, judge(reference), names=("a", "b"), rare_terms=rare, rarity="", limits=Limits(), seed=0,
            in_depth=not at,
        )  # fmt: skip


def _outputs(data: Path, side: int) -> Outputs:
    """Eight real models' answers, other models for each side, 60 words from each; where prompts end, from the next 60 words."""
    models = list(pd.read_csv(data / "generations" / "index.csv").model)
    chosen = [models[(side + at) % len(models)] for at in range(8)]
    answers: dict[str, tuple[str, ...]] = {}
    prompts: dict[str, str] = {}
    pool = pooled(data, tuple(chosen))
    for begin in (0, 60):
        for at in range(0, len(pool.ids), 8):
            name = f"{pool.ids[at]}-{begin}"
            answers[name] = tuple(" ".join(text.split(" ")[begin : begin + 60]) for text in pool.texts[at : at + 8])
            prompts[name] = pool.prompts[at]
    kept = list(answers)[:1_000]
    return Outputs(
        {name: answers[name] for name in kept}, frozenset(kept), "s", "d", {name: prompts[name] for name in kept}
    )
