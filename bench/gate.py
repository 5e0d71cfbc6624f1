"""The gate, measured: python -m bench.gate [DATA] [--part PART]. The peers are test dependencies.

Speed beside the reference implementations, on the same texts in one run; what a whole gate costs; how often its 90 % intervals
hold the truth and how often it blocks and ships in simulation; and the verdict for every ordered pair of real models.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from tailguard.comparison import compare as comparing
from tailguard.diversity import hdd, mtld, prdc, self_bleu, vendi_score
from tailguard.diversity.canary import STRENGTHS
from tailguard.diversity.comparison import DEFAULT_LIMITS, TAIL_RECALL, TYPE_COVERAGE, VARIETY, compare
from tailguard.diversity.outputs import Outputs
from tailguard.diversity.report import full_report
from tailguard.domain.suite import Prompt, Suite
from tailguard.domain.verdict import Verdict
from tailguard.stages.gate import self_test

Row = tuple[str, str, str]


def main() -> None:
    works: dict[str, Callable[[], list[Row]]] = {
        "bleu": bleu, "lexical": lexical, "semantic": semantic, "gate": whole_gate, "coverage": coverage,
        "accuracy": accuracy,
    }  # fmt: skip
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", help="a folder with the answers of real models, for `matrix`")
    parser.add_argument(
        "--part", action="append", choices=[*works, "matrix"], help="measure only this; may be repeated"
    )
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    parts = asked.part or [*works, "matrix"]
    table = Table("figure", "measured", "goal", title=f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")
    for name, work in works.items():
        if name in parts:
            for row in work():
                table.add_row(*row)
    if asked.data and "matrix" in parts:
        for row in matrix(asked.data):
            table.add_row(*row)
    Console(width=150).print(table)


def seconds(work: Callable[[], object], *, times: int = 3) -> float:
    """CPU seconds, median."""
    found = []
    for _ in range(times):
        begun = time.process_time()
        work()
        found.append(time.process_time() - begun)
    return statistics.median(found)


def texts(count: int, length: int, seed: int = 0) -> list[list[str]]:
    """Word lists with Zipf's frequencies: words that mean nothing, as many and as often as real ones."""
    rng = np.random.default_rng(seed)
    drawn = (rng.zipf(1.3, size=count * length) % 30_000).reshape(count, length)
    return [[f"w{word}" for word in row] for row in drawn.tolist()]


def bleu() -> list[Row]:
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    smooth, few, many = SmoothingFunction().method1, texts(200, 40), texts(20_000, 40)
    self_bleu(few)
    theirs = seconds(
        lambda: [sentence_bleu(few[:at] + few[at + 1 :], few[at], smoothing_function=smooth) for at in range(len(few))],
        times=1,
    )
    ours = seconds(lambda: self_bleu(few), times=9)
    return [
        ("self-BLEU of 200 texts of 40 words: times nltk", f"{theirs / ours:,.0f}", "1,500"),
        ("... 20,000 texts: CPU seconds", f"{seconds(lambda: self_bleu(many)):.2f}", "1"),
    ]


def lexical() -> list[Row]:
    from lexicalrichness import LexicalRichness

    some = texts(2_000, 150)
    mtld(some[:5]), hdd(some[:5])

    def theirs() -> None:
        for one in some:
            rich = LexicalRichness(" ".join(one), preprocessor=None, tokenizer=str.split)
            rich.mtld(), rich.hdd(draws=42)

    slow, fast = seconds(theirs, times=1), seconds(lambda: (mtld(some), hdd(some)))
    return [("MTLD + HD-D of 2,000 texts of 150 words: times lexicalrichness", f"{slow / fast:,.0f}", "300")]


def semantic() -> list[Row]:
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
        ("PRDC of 10,000 against 10,000 x 256: wall, times prdc", f"{theirs / ours:.1f}", "2.5"),
        (
            "... memory beyond the vectors, MB; theirs",
            f"{(middle - before) / 1024:,.0f}; {(after - before) / 1024:,.0f}",
            "a quarter",
        ),
        ("Vendi of 10,000 (dual form), CPU s; vendi-score's n x n form at 3,000", f"{fast:.2f}; {slow:.1f}", ""),
    ]


def whole_gate() -> list[Row]:
    """1,000 prompts x 8 answers of 60 words, three references, every measure, 10,000 resamples, and the self-test."""
    sides = [_outputs(texts(8_000, 60, seed), 8) for seed in range(5)]
    rare = frozenset(f"w{word}" for word in range(2_000, 30_000))
    suite = Suite("s", tuple(Prompt(name, "", "all", True) for name in sides[0].answers), rare)
    compare(sides[0], sides[1], rare_terms=rare, limits=DEFAULT_LIMITS, seed=0, resamples=64)
    begun, cpu = time.perf_counter(), time.process_time()
    for reference in sides[1:4]:
        full_report(sides[0], reference, names=("a", "b"), rare_terms=rare, rarity="", limits=DEFAULT_LIMITS, seed=0)
    compared = time.perf_counter() - begun
    self_test(sides[0], sides[4], "m/1", suite, DEFAULT_LIMITS, 0)
    whole = time.perf_counter() - begun
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return [
        ("gate over 1,000 prompts x 8 answers, 3 references, 10,000 resamples: wall s", f"{compared:.1f}", "30"),
        (
            f"... with the self-test ({len(STRENGTHS) + 1} comparisons); CPU s",
            f"{whole:.1f}; {time.process_time() - cpu:.1f}",
            "",
        ),
        ("... memory of the process, GiB", f"{most:.2f}", "1.4"),
    ]


def _outputs(found: Sequence[Sequence[str]], samples: int, *, slices: int = 1) -> Outputs:
    answers = {
        f"p{at:05d}": tuple(" ".join(one) for one in found[at * samples : (at + 1) * samples])
        for at in range(len(found) // samples)
    }
    return Outputs(
        answers, frozenset(answers), "s", "d", slices={one: f"s{at % slices}" for at, one in enumerate(answers)}
    )


VOCABULARY = 40_000
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
NAMES = np.array(["".join(_LETTERS[n // 26**place % 26] for place in range(4)) for n in range(VOCABULARY)])
_FREQUENCY = 1 / np.arange(1, VOCABULARY + 1) ** 1.05
_CUMULATIVE = np.cumsum(_FREQUENCY / _FREQUENCY.sum())
_TOPICAL = np.cumsum(_FREQUENCY[300:] / _FREQUENCY[300:].sum())
_GONE = np.random.default_rng(5).random(VOCABULARY)
_GONE[:200] = 2
RARE = frozenset(NAMES[1_500:].tolist())


def _side(topics: NDArray[np.int64], samples: int, words: int, lost: float, rng: np.random.Generator) -> Outputs:
    """Answers of a simulated model: words by Zipf's law, a third of them from 40 that belong to the prompt; a model that has
    lost something writes a common word in place of each of a share `lost` of the vocabulary."""
    lengths = np.maximum(5, rng.lognormal(np.log(words), 0.4, size=len(topics) * samples)).astype(int)
    prompts = np.repeat(np.arange(len(lengths)), lengths) // samples
    units = np.searchsorted(_CUMULATIVE, rng.random(len(prompts)) * 0.999999)
    topical = rng.random(len(prompts)) < 0.35
    units = np.where(topical, topics[prompts, (40 * rng.random(len(prompts)) ** 2).astype(int)], units)
    common = np.searchsorted(_CUMULATIVE[:200] / _CUMULATIVE[199], rng.random(len(prompts)) * 0.999)
    units = np.where(_GONE[units] < lost, common, units)
    told = np.split(NAMES[units], np.cumsum(lengths)[:-1])
    return _outputs([one.tolist() for one in told], samples)


def coverage() -> list[Row]:
    """Simulated pairs: how often the 90 % interval holds the truth, and what is decided with margins of 5 %."""
    rows = []
    limits = DEFAULT_LIMITS.__class__(dict.fromkeys(DEFAULT_LIMITS.margins, 0.05))
    for prompts, samples, pairs in ((50, 8, 300), (200, 8, 300), (800, 1, 150)):
        for lost, told in ((0.0, "no loss"), (0.08, "8 %")):
            found: dict[str, list[tuple[float, float, float]]] = {TAIL_RECALL: [], TYPE_COVERAGE: [], VARIETY: []}
            verdicts = []
            for pair in range(pairs):
                rng = np.random.default_rng([prompts, int(lost * 100), pair])
                topics = np.searchsorted(_TOPICAL, rng.random((prompts, 40)) * 0.99999) + 300
                ours, theirs = (_side(topics, samples, 60, share, rng) for share in (lost, 0.0))
                one = compare(ours, theirs, rare_terms=RARE, limits=limits, seed=pair, resamples=1_000)
                verdicts.append(Verdict.BLOCK if any(m.verdict is Verdict.BLOCK for m in one.measures)
                                else Verdict.PASS if all(m.verdict is Verdict.PASS for m in one.measures)
                                else Verdict.INCONCLUSIVE)  # fmt: skip
                for m in one.measures:
                    found[m.measure].append((m.delta, m.low, m.high))
            cells, sizes = [], []
            for name, values in found.items():
                delta, low, high = (np.array([one[at] for one in values]) for at in range(3))
                truth = float(np.expm1(np.log1p(delta).mean())) if lost else 0.0
                cells.append(f"{name} {truth:+.1%}: {((low <= truth) & (truth <= high)).mean():.1%}")
                sizes.append(f"{(low > truth).mean():.1%}")
            shares = ", ".join(f"{one} {verdicts.count(one) / pairs:.1%}" for one in sorted(set(verdicts)))
            rows.append(
                (
                    f"{prompts} prompts x {samples}, {told} of the words lost: coverage",
                    "; ".join(cells),
                    "88-93 %",
                )
            )
            rows.append(("... decided with margins of 5 %", shares, ""))
            rows.append(("... passes of each measure were its margin the true change (size)", ", ".join(sizes), "5 %"))
    return rows


def accuracy() -> list[Row]:
    """The same for tail prompts with a checker: right with a probability of their own, 8 answers each."""
    rows = []
    limits = DEFAULT_LIMITS.__class__(dict.fromkeys(DEFAULT_LIMITS.margins, 0.05))
    for prompts, pairs in ((50, 400), (200, 400), (800, 200)):
        for lost in (0.0, 0.08):
            held, verdicts = [], []
            truth = -lost
            for pair in range(pairs):
                rng = np.random.default_rng([prompts, int(100 * lost), pair])
                right = rng.beta(4, 1.5, size=prompts)
                names = [f"p{at:04d}" for at in range(prompts)]
                sides = []
                for share in (1 - lost, 1.0):
                    scores = rng.random((prompts, 8)) < (right * share)[:, None]
                    sides.append({name: tuple(map(float, one)) for name, one in zip(names, scores, strict=True)})
                answers = dict.fromkeys(names, ("word " * 5,) * 8)
                ours, theirs = (Outputs(answers, frozenset(names), "s", "d", scores=one) for one in sides)
                m = compare(ours, theirs, rare_terms=frozenset(), limits=limits, seed=pair, resamples=1_000).measures[0]
                held.append(m.low <= truth <= m.high)
                verdicts.append(m.verdict)
            shares = ", ".join(f"{one} {verdicts.count(one) / pairs:.1%}" for one in sorted(set(verdicts)))
            rows.append(
                (
                    f"tail accuracy, {prompts} prompts x 8, loss {lost:.0%}: coverage; decided",
                    f"{np.mean(held):.1%}; {shares}",
                    "88-93 %",
                )
            )
    return rows


def matrix(data: Path) -> list[Row]:
    """Every ordered pair of the real models in DATA/generations: rows are references, columns candidates."""
    folder = data / "generations"
    names = list(pd.read_csv(folder / "index.csv").model)
    marks = {Verdict.PASS: "P", Verdict.BLOCK: "B", Verdict.INCONCLUSIVE: "?", Verdict.NOT_COMPARABLE: "N"}
    table = Table(
        "reference", *(str(at) for at in range(len(names))), title="P pass, B block, ? inconclusive, N not comparable"
    )
    counts: dict[str, int] = {}
    for at, reference in enumerate(names):
        cells = []
        for candidate in names:
            if candidate == reference:
                cells.append("·")
                continue
            verdict = comparing.compare(folder / f"{reference}.parquet", folder / f"{candidate}.parquet").verdict
            counts[verdict] = counts.get(verdict, 0) + 1
            cells.append(marks[verdict])
        table.add_row(f"{at} {reference}", *cells)
    Console(width=150).print(table)
    return [
        (
            "ordered pairs of ten real models, 805 prompts x 1",
            ", ".join(f"{k} {v}" for k, v in sorted(counts.items())),
            "",
        )
    ]


if __name__ == "__main__":
    main()
