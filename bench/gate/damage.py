"""Plants damage and harmless changes in the answers of real models and asks the gate: nothing harmful may pass."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import repeat
from pathlib import Path

from rich.table import Table

from bench.gate.answers import compared, random_of, with_tail
from bench.gate.kinds import KINDS, Expected, Kind
from bench.gate.pairs import first_prompts, pair_named
from bench.gate.workers import workers
from tailguard.domain.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class Case:
    """One change to one candidate. `full` where the share is the kind's full one; `prompts` 0 is all of them."""

    pair: str
    kind: str
    share: float
    expected: Expected
    full: bool
    prompts: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Result(Case):
    """What the gate said of it, and CPU seconds."""

    verdict: Verdict
    seconds: float
    reason: str

    @property
    def right(self) -> bool:
        """Whether the verdict is allowed: harmful never PASS and at full share stopped, harmless never BLOCK."""
        if self.expected is Expected.HARMFUL:
            return self.verdict in STOPPED if self.full else not self.verdict.ships
        return self.expected is Expected.OPEN or self.verdict not in STOPPED


STOPPED = (Verdict.BLOCK, Verdict.NOT_COMPARABLE)


def cases(pairs: Sequence[str], kinds: Iterable[Kind], *, prompts: int, seed: int) -> list[Case]:
    """Every kind at every share for every pair that has enough samples."""
    return [
        Case(
            pair=pair, kind=kind.name, share=share, expected=kind.expected, full=share == kind.shares[0],
            prompts=prompts, seed=seed,
        )
        for pair in pairs
        for kind in kinds
        if pair_named(pair).samples >= kind.samples
        for share in kind.shares
    ]  # fmt: skip


def judged(case: Case, data: Path) -> Result:
    """Plants the change and compares. The same case, the same verdict."""
    kind = KINDS[case.kind]
    parent, candidate = pair_named(case.pair).sides(data)
    if case.prompts:
        parent, candidate = first_prompts(parent, case.prompts), first_prompts(candidate, case.prompts)
    if kind.marks_tail:
        candidate = with_tail(candidate)
        parent = replace(parent, tail=candidate.tail)
    changed = kind.edit(candidate, case.share, random_of(case.seed, case.pair, case.kind))
    begun = time.process_time()
    report = compared(parent, changed)
    seconds = time.process_time() - begun
    return Result(**asdict(case), verdict=report.verdict, seconds=round(seconds, 2), reason=report.reason)


def run(planned: Sequence[Case], data: Path, *, processes: int, out: Path | None) -> list[Result]:
    """Judges the cases in order, on several processes, and writes each result to `out` as it comes."""
    results: list[Result] = []
    with workers(processes) as pool:
        found: Iterator[Result] = pool.map(judged, planned, repeat(data))
        if out is None:
            return list(found)
        with out.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, [*(column.name for column in fields(Result)), "right"])
            table.writeheader()
            for result in found:
                table.writerow({**asdict(result), "right": result.right})
                file.flush()
                results.append(result)
    return results


def result_table(results: Sequence[Result], *, wrong_only: bool) -> Table:
    """A row a case."""
    table = Table("pair", "change", "share", "expected", "verdict", "CPU s", "reason", title="Planted changes")
    for result in results:
        if wrong_only and result.right:
            continue
        table.add_row(
            result.pair, result.kind, f"{result.share:.3g}", str(result.expected),
            str(result.verdict) if result.right else f"[bold red]{result.verdict}[/]", f"{result.seconds:.1f}",
            result.reason,
        )  # fmt: skip
    return table


def total_table(results: Sequence[Result]) -> Table:
    """Verdicts by what was expected, and how many are wrong."""
    table = Table("expected", "cases", *map(str, Verdict), "wrong", title="Totals")
    groups = (
        ("harmful, full share", [result for result in results if result.expected is Expected.HARMFUL and result.full]),
        (
            "harmful, lower share",
            [result for result in results if result.expected is Expected.HARMFUL and not result.full],
        ),
        ("harmless", [result for result in results if result.expected is Expected.HARMLESS]),
        ("open", [result for result in results if result.expected is Expected.OPEN]),
    )
    for name, group in groups:
        counts = Counter(result.verdict for result in group)
        wrong = sum(not result.right for result in group)
        table.add_row(name, str(len(group)), *(str(counts[verdict]) for verdict in Verdict), str(wrong))
    table.caption = f"{sum(result.seconds for result in results) / max(1, len(results)):.2f} CPU seconds a comparison"
    return table
