"""A command among processes: ended by a signal it leaves nothing behind, and a reader that leaves early costs nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tailguard.domain.facts import AnchorVerified
from tailguard.policy.reading import template
from tailguard.runlog.verify import verify
from tailguard.runlog.views.runs import stage_results
from tailguard.workspace import Workspace
from tests.builders import found_team
from tests.recording import record

ROOT = Path(__file__).parent.parent.parent
PATIENCE_SECONDS = 300.0


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "tailguard.cli", *map(str, words)]


@contextmanager
def begun(words: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that is not left behind by a test that fails."""
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603  our own command
    with process:
        try:
            yield process
        finally:
            process.kill()


def await_until(true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked about yet does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_dashboard_that_is_told_to_end_frees_its_port(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("")
    port = free_port()
    with begun(command("dashboard", "-w", tmp_path, "--port", port)) as process:
        await_until(lambda: answers(port), process)

        process.terminate()
        process.communicate(timeout=PATIENCE_SECONDS)

    assert not answers(port)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


TRAINER = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {child.pid}")
time.sleep(600)
"""


@pytest.fixture
def trainer(tmp_path: Path) -> list[str]:
    """A trainer that never ends, and one process below it; both are named in a file once they are there."""
    (tmp_path / "trainer.py").write_text(TRAINER)
    return [sys.executable, str(tmp_path / "trainer.py"), str(tmp_path / "processes")]


def processes(tmp_path: Path) -> list[int]:
    file = tmp_path / "processes"
    return [int(number) for number in file.read_text().split()] if file.exists() else []


def test_a_run_that_is_told_to_end_takes_its_trainer_along_and_can_be_resumed(
    tmp_path: Path, trainer: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILGUARD_USER", "ada")
    text = f'trainer = "command"\n\n[trainers.command]\ntrain = {json.dumps(trainer)}\ngenerate = ["true"]\n'
    team = found_team(tmp_path / "team", changes=[('trainer = "ngram"', text)])
    batch = team.batch("a", team.take(150))
    with begun(command("run", "-w", team.workspace.root, "-b", f"docs:human:{batch.file}")) as process:
        await_until(lambda: bool(processes(tmp_path)), process)

        process.terminate()
        _, err = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 143
    assert "Traceback" not in err
    assert "`tailguard run --resume RUN` goes on" in err
    assert [number for number in processes(tmp_path) if alive(number)] == []
    assert [path for path in (team.workspace.root / "store").rglob(".*") if path.name != ".intake"] == [], (
        "half-written"
    )
    assert list((team.workspace.root / "progress").glob("*")) == [], "nobody is told that it is still running"
    assert verify(team.workspace.log).problems == ()
    with team.workspace.log.reading() as view:
        assert list(stage_results(view, "main/0")) == ["intake", "score", "compose"]


WAITING = """
import sys
from pathlib import Path
from tailguard import cli
from tailguard.adapters.running import run_command, watching

folder, *words = sys.argv[1:]

@cli.app.command()
def wait() -> None:
    watched = watching(Path(folder), "main/0", lambda line: None)
    run_command(words, {}, what="command", timeout_seconds=600, environment={}, watched=watched)

sys.argv[1:] = ["wait"]
cli.main()
"""


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_a_signal_ends_says_so_and_its_exit_code_is_the_shells(
    tmp_path: Path, trainer: list[str], sign: signal.Signals, code: int
) -> None:
    with begun([sys.executable, "-c", WAITING, str(tmp_path), *trainer]) as process:
        await_until(lambda: bool(processes(tmp_path)), process)

        process.send_signal(sign)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)

    assert (process.returncode, out) == (code, "")
    assert re.fullmatch("tailguard: (interrupted|ended by a TERM signal)\\. Finished stages are kept; .*\n", err)
    assert [number for number in processes(tmp_path) if alive(number)] == []


LONG = """
import sys, time
from pathlib import Path
from tailguard import cli
from tailguard.adapters.running import worker_processes

def report(folder):
    import os, time
    Path(folder, "processes").write_text(str(os.getpid()))
    time.sleep(600)

folder = sys.argv[1]

@cli.app.command()
def work() -> None:
    with worker_processes(1) as pool:
        pool.submit(report, folder).result()

if __name__ == "__main__":
    sys.argv[1:] = ["work"]
    cli.main()
"""


def test_worker_processes_are_not_waited_for_when_a_signal_ends_the_work(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text(LONG)
    with begun([sys.executable, str(tmp_path / "long.py"), str(tmp_path)]) as process:
        await_until(lambda: bool(processes(tmp_path)), process)

        process.terminate()
        _, err = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 143
    assert "Traceback" not in err
    assert [number for number in processes(tmp_path) if alive(number)] == []


def closed(words: Sequence[str], *, errors_too: bool = False) -> tuple[int, str]:
    """Exit code and messages of a command whose output nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(  # noqa: S603  our own command
            words, cwd=ROOT, stdout=writing, stderr=writing if errors_too else subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(writing)
    return done.returncode, done.stderr or ""


@pytest.mark.parametrize(
    "words",
    [["--help"], ["init", "--print"], ["check", "--help"], ["detect", "{file}"], ["detect", "{file}", "--json"]],
)
def test_a_reader_that_leaves_before_the_output_is_no_failure(tmp_path: Path, words: list[str]) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text(json.dumps({"text": "The quick brown fox jumps over the lazy dog."}) + "\n")

    code, err = closed(command(*(word.format(file=file) for word in words)))

    assert code == 0
    assert "Traceback" not in err
    assert "Broken" not in err


def test_a_command_that_fails_keeps_its_exit_code_when_nobody_reads(tmp_path: Path) -> None:
    code, _ = closed(command("status", "-w", tmp_path), errors_too=True)

    assert code == 1


def test_a_job_that_asks_for_clearance_waits_for_no_data_frames(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(template("ada"))
    record(Workspace(tmp_path, "ada"), AnchorVerified(anchor="a" * 64, records=3, intact=True))
    words = ["-X", "importtime", "-m", "tailguard.cli", "check", "-w", str(tmp_path), "-l", "main", "-s", "abc"]

    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603  our own command

    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "has no snapshot 'abc'" in done.stderr
    assert "duckdb" in loaded
    assert loaded & {"pandas.core", "numpy", "pyarrow", "numba", "scipy", "sklearn"} == set(), (
        "pandas was asked for, in vain"
    )
