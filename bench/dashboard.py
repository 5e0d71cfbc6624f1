"""The dashboard on a log of 10,000 runs, in a real Chromium: from click to content, server CPU, 20 sessions, memory; and MLflow's.

python -m bench.dashboard DEMO            every figure, on a history made from the demo's (bench/history.py)
python -m bench.dashboard DEMO --soak 60  minutes of 20 sessions clicking at random while a pipeline writes
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright
from rich.console import Console
from rich.table import Table
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from bench.history import write
from bench.processes import ROOT, environment, printed
from tailguard.cli.server import LEAN
from tests.browser.driving import FLAGS, find_browser

PAGES = (
    "Overview",
    "Provenance",
    "Mixing",
    "Diversity",
    "Gates",
    "Quarantine",
    "Overrides",
    "Loops",
    "Plays",
    "Drill",
    "Runs",
)
SESSIONS = 20
MLFLOW_RUNS, MEASURES = 1000, 20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(command: list[str], port: int, health: str, **variables: str) -> Iterator[int]:
    """A server of its own; its process id."""
    process = subprocess.Popen(  # noqa: S603  our own server, or the peer's
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, **variables},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 90
        while True:
            try:
                with urllib.request.urlopen(f"http://localhost:{port}{health}", timeout=1):
                    break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


@contextmanager
def dashboard(workspace: Path) -> Iterator[tuple[str, int]]:
    """Our own server, without the command around it, so that its process id is the server's."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "pages.shared.serving",
        "run",
        "app.py",
        "--server.address",
        "localhost",
        "--server.port",
        str(port),
    ]
    variables = {**LEAN, "TAILGUARD_WORKSPACE": str(workspace), "TAILGUARD_USER": "ada"}
    with serving(command, port, "/_stcore/health", **variables) as process:
        yield f"http://localhost:{port}", process


def cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(process: int) -> float:
    """Memory that is the server's alone."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_")) / 1024


async def opened(browser: Browser, address: str) -> Page:
    tab = await (await browser.new_context(viewport={"width": 1440, "height": 1000})).new_page()
    tab.set_default_timeout(120_000)
    await tab.goto(address, wait_until="commit")
    await tab.get_by_test_id("stSidebarNav").wait_for()
    await tab.locator("h1", has_text="Overview").wait_for()
    return tab


async def click(tab: Page, title: str) -> float:
    """Seconds from the click until the page's last line is there."""
    begin = time.perf_counter()
    await tab.get_by_test_id("stSidebarNav").get_by_role("link", name=re.compile(rf"^{title}( \([\d,]+\))?$")).click()
    await tab.locator("h1", has_text=title).wait_for()
    await tab.locator('[data-testid=stElementContainer][data-stale="false"]', has_text=f"{title} · ").last.wait_for()
    if await tab.locator("[data-testid=stException]").count():
        raise AssertionError(f"{title} failed")
    return time.perf_counter() - begin


async def one_person(browser: Browser, address: str, process: int, table: Table) -> dict[str, float]:
    tab = await opened(browser, address)
    first = {title: await click(tab, title) for title in PAGES}
    again: dict[str, list[float]] = {title: [] for title in PAGES}
    spent, reruns = cpu_seconds(process), 0
    for _ in range(5):
        for title in PAGES:
            again[title].append(await click(tab, title))
            reruns += 1
    used = (cpu_seconds(process) - spent) / reruns
    medians = {title: statistics.median(times) for title, times in again.items()}
    worst, slow = max(medians, key=lambda page: medians[page]), max(first, key=lambda page: first[page])
    table.add_row("click to content, median over pages", f"{statistics.median(medians.values()):.2f} s", "1.5 s")
    table.add_row(f"click to content, slowest page ({worst})", f"{medians[worst]:.2f} s", "1.5 s")
    table.add_row(f"first visit of a fresh server, slowest page ({slow})", f"{first[slow]:.2f} s", "")
    table.add_row("server CPU a rerun", f"{used:.3f} s", "0.15 s")
    await tab.context.close()
    return medians


async def session(address: str, seconds: float, pause: tuple[float, float], seed: int, taken: list[float]) -> None:
    """One session without a browser, by the protocol that a browser speaks: 20 tabs would measure this machine's rendering.

    A click is a rerun of another page; its time ends with the last message of the script.
    """
    draw = random.Random(seed)  # noqa: S311  clicks, not a secret
    place = address.replace("http", "ws") + "/_stcore/stream"
    async with connect(
        place, subprotocols=[Subprotocol("streamlit")], max_size=None, origin=Origin(address)
    ) as socket_:
        pages = await rerun(socket_, "")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begin = time.perf_counter()
            await rerun(socket_, draw.choice(pages))
            taken.append(time.perf_counter() - begin)
            await asyncio.sleep(draw.uniform(*pause))


async def rerun(socket_: ClientConnection, page: str) -> list[str]:
    """Ask for a page and read until its script has ended; the pages that the navigation offers."""
    asked = BackMsg()
    asked.rerun_script.page_script_hash = page
    await socket_.send(asked.SerializeToString())
    pages: list[str] = []
    while True:
        forwarded = ForwardMsg()
        forwarded.ParseFromString(await socket_.recv(decode=False))
        kind = forwarded.WhichOneof("type")
        if kind == "navigation":
            pages = [page.page_script_hash for page in forwarded.navigation.app_pages]
        if kind == "delta" and forwarded.delta.new_element.WhichOneof("type") == "exception":
            raise AssertionError(forwarded.delta.new_element.exception.message)
        if kind == "script_finished" and forwarded.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
            return pages


async def many(address: str, seconds: float, pause: tuple[float, float], seed: int) -> list[float]:
    """Sessions that click at random, each with a pause of its own between clicks."""
    taken: list[float] = []
    await asyncio.gather(*(session(address, seconds, pause, seed + number, taken) for number in range(SESSIONS)))
    return taken


async def mlflow(browser: Browser, address: str) -> float:
    """MLflow's own page of one experiment's runs: from the click until rows of the table are there."""
    tab = await (await browser.new_context(viewport={"width": 1440, "height": 1000})).new_page()
    tab.set_default_timeout(120_000)
    times = []
    for _ in range(4):
        await tab.goto("about:blank")
        begin = time.perf_counter()
        await tab.goto(f"{address}/#/experiments/1/runs")
        await tab.get_by_role("link", name="run-").first.wait_for()
        times.append(time.perf_counter() - begin)
    await tab.context.close()
    return statistics.median(times[1:])


FILL = """
import sys, mlflow
from mlflow.entities import Metric
mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()
experiment = client.create_experiment("bench")
for run in range(int(sys.argv[2])):
    made = client.create_run(experiment, run_name=f"run-{run}")
    metrics = [Metric(f"measure_{m}", (run * 31 + m) % 97 / 97, 0, 0) for m in range(int(sys.argv[3]))]
    client.log_batch(made.info.run_id, metrics=metrics)
    client.set_terminated(made.info.run_id)
"""


async def beside_mlflow(browser: Browser, folder: Path) -> float:
    tools, port = environment("mlflow", ["mlflow"]), free_port()
    store = f"sqlite:///{folder / 'mlflow.db'}"
    printed(tools / "python", "-c", FILL, store, MLFLOW_RUNS, MEASURES)
    command = [
        str(tools / "mlflow"),
        "server",
        "--backend-store-uri",
        store,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with serving(command, port, "/health"):
        return await mlflow(browser, f"http://127.0.0.1:{port}")


async def figures(workspace: Path, folder: Path, table: Table) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        with dashboard(workspace) as (address, process):
            medians = await one_person(browser, address, process, table)
            taken = sorted(await many(address, 60, (4, 10), 1))
            table.add_row(
                f"{SESSIONS} sessions, {len(taken)} clicks: p95", f"{taken[int(0.95 * len(taken))]:.2f} s", "4 s"
            )
            table.add_row("server memory after that", f"{memory_mb(process):.0f} MB", "300 MB")
        peer = await beside_mlflow(browser, folder)
        ours = statistics.median(medians.values())
        table.add_row(
            f"MLflow's run page, {MLFLOW_RUNS:,} runs x {MEASURES}", f"{peer:.2f} s ({peer / ours:.1f} x ours)", "3 x"
        )
        await browser.close()


async def soak(workspace: Path, minutes: float, table: Table) -> None:
    """Sessions click at random while runs are recorded; memory is read each minute."""
    command = [sys.executable, "-c", WRITER, str(workspace)]
    writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)  # noqa: S603  the code below
    with dashboard(workspace) as (address, process):
        readings: list[float] = []

        async def read() -> None:
            while True:
                await asyncio.sleep(60)
                readings.append(memory_mb(process))
                Console(stderr=True).print(f"{len(readings)} min: {readings[-1]:.0f} MB")

        reader = asyncio.create_task(read())
        taken = sorted(await many(address, minutes * 60, (5, 15), 2))
        reader.cancel()
    alive = writer.poll() is None
    writer.kill()
    table.add_row(f"soak of {minutes:.0f} min: clicks without an error", f"{len(taken):,}", "all")
    table.add_row("soak: p95", f"{taken[int(0.95 * len(taken))]:.2f} s", "")
    table.add_row("soak: the writer worked until the end", str(alive), "True")
    table.add_row("soak: memory by minute, MB", " ".join(f"{reading:.0f}" for reading in readings), "flat")


WRITER = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from tailguard.domain.facts import Measurement, RunStarted, StageStarted
from tailguard.runlog.views.runs import newest_runs
from tailguard.runlog.recorder import RunRecorder, transaction
from tailguard.workspace import Workspace
space = Workspace(Path(sys.argv[1]), "lin")
with space.log.reading() as view:
    last = newest_runs(view, 1)["guarded"][0].fact
number = last.number
while True:
    number += 1
    run = f"guarded/{number}"
    with transaction(space.log, space.author) as opened:
        opened.record(RunStarted(run, "guarded", number, last.run, "enforce", last.policy, last.request, 0, last.tool_version))
    recorder = RunRecorder(space.log, run, space.author)
    for stage in ("intake", "score", "compose", "train", "evaluate"):
        recorder.record(StageStarted(run, stage), *(Measurement(run, f"{stage} {m}", m / 20, 1000) for m in range(4)))
        time.sleep(2)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--soak", type=float, metavar="MINUTES")
    asked = parser.parse_args()
    table = Table("figure", "measured", "to reach", title=f"{asked.runs:,} runs, {os.cpu_count()} cores, Chromium")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workspace = write(asked.demo, folder / "big", runs=asked.runs)
        asyncio.run(soak(workspace, asked.soak, table) if asked.soak else figures(workspace, folder, table))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
