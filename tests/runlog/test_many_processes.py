"""Eight writing processes beside eight readers, and writers killed at random moments: no row lost, no error seen."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import pytest

from tailguard.clock import SystemClock
from tailguard.domain.facts import StageStarted
from tailguard.domain.stages import Stage
from tailguard.runlog.connection import open_log
from tailguard.runlog.recorder import Author, RunRecorder
from tailguard.runlog.verify import verify

pytestmark = pytest.mark.slow
SPAWN = multiprocessing.get_context("spawn")
WRITERS, READERS, TRANSACTIONS = 8, 8, 12


def write(url: str, folder: str, number: int, count: int, pipe: Pipe) -> None:
    """Transactions of one run, each acknowledged only after it was committed."""
    author = Author("writer", SystemClock())
    # Other tests and the demo share the machine: a turn may take longer there than a training run would wait.
    recorder = RunRecorder(open_log(url, Path(folder)), f"main/{number}", author, timeout_seconds=120)
    for turn in range(count):
        recorder.record(StageStarted(run=f"main/{number}, turn {turn}", stage=Stage.INTAKE))
        pipe.send(turn)
    pipe.close()


def read(url: str, folder: str, stop: str, pipe: Pipe) -> None:
    """Look at the published log until told to stop, or left alone; what is seen must never shrink."""
    log, most, looks, test = open_log(url, Path(folder)), 0, 0, os.getppid()
    while not Path(stop).exists() and os.getppid() == test:
        if log.version():
            with log.read_published() as view:
                seen = len(view.recorded(StageStarted))
            assert seen >= most, f"{most} rows were seen before, now {seen}"
            most, looks = seen, looks + 1
        time.sleep(0.3)
    pipe.send((most, looks))
    pipe.close()


def test_eight_writers_beside_eight_readers_lose_nothing(log_url: str, tmp_path: Path) -> None:
    with open_log(log_url, tmp_path).writing():
        pass
    stop = tmp_path / "stop"
    sides = [SPAWN.Pipe(duplex=False) for _ in range(WRITERS + READERS)]
    writers = [
        SPAWN.Process(target=write, args=(log_url, str(tmp_path), n, TRANSACTIONS, sides[n][1])) for n in range(WRITERS)
    ]
    readers = [
        SPAWN.Process(target=read, args=(log_url, str(tmp_path), str(stop), sides[WRITERS + n][1]))
        for n in range(READERS)
    ]

    for process in (*readers, *writers):
        process.start()
    for process in writers:
        process.join(240)
    stop.touch()
    looked = [sides[WRITERS + n][0].recv() for n in range(READERS)]
    for process in readers:
        process.join(60)

    assert [process.exitcode for process in (*writers, *readers)] == [0] * (WRITERS + READERS)
    log = open_log(log_url, tmp_path)
    with log.reading() as view:
        rows = view.recorded(StageStarted)
    assert len(rows) == WRITERS * TRANSACTIONS
    assert len({row.fact.run for row in rows}) == WRITERS * TRANSACTIONS
    assert verify(log).problems == ()
    assert all(looks > 0 for _, looks in looked)
    assert not (tmp_path / "runlog.spool").exists(), "a writer starved"


def test_writers_that_are_killed_lose_nothing_that_was_acknowledged(log_url: str, tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311  when to kill, not a secret
    with open_log(log_url, tmp_path).writing():
        pass
    acknowledged: dict[int, int] = {}

    for number in range(10):
        receiving, sending = SPAWN.Pipe(duplex=False)
        process = SPAWN.Process(target=write, args=(log_url, str(tmp_path), number, 10_000, sending))
        process.start()
        sending.close()
        acknowledged[number] = receiving.recv()
        deadline = time.monotonic() + chance.uniform(0.0, 0.4)
        while time.monotonic() < deadline:
            if receiving.poll(0.01):
                acknowledged[number] = receiving.recv()
        assert process.pid
        os.kill(process.pid, signal.SIGKILL)
        process.join(30)
        try:
            while receiving.poll():
                acknowledged[number] = receiving.recv()
        except EOFError:
            pass

    log = open_log(log_url, tmp_path)
    with log.reading() as view:
        rows = view.recorded(StageStarted)
    for number, last in acknowledged.items():
        kept = sum(row.fact.run.startswith(f"main/{number},") for row in rows)
        assert kept >= last + 1, f"run {number}: {last + 1} acknowledged, {kept} kept"
    assert verify(log).problems == ()
