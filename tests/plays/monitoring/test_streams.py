"""Production texts week by week: a loss raises an alarm once, no loss does not, and people are told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tailguard.adapters.readers import WHOLE, read_texts, reader_for
from tailguard.cli import run as command
from tailguard.diversity.monitoring import e_process
from tailguard.domain.facts import AlertRaised, AlertSent, StreamWeek
from tailguard.errors import InputError
from tailguard.plays.monitoring import alerts, streams
from tailguard.plays.status import status
from tailguard.policy.reading import template
from tailguard.ports import RawRecord, Reject
from tailguard.runlog.views.alarms import alarms
from tailguard.runlog.views.sources import logged_outputs
from tailguard.workspace import Workspace
from tests.builders import Clock, write_jsonl
from tests.recording import record_policy
from tests.streams import written


def founded(root: Path) -> tuple[Workspace, Clock]:
    root.mkdir(parents=True, exist_ok=True)
    (root / "policy.toml").write_text(template("ada").replace("block_words = 400", "block_words = 150"))
    clock = Clock()
    workspace = Workspace(root, "ada", clock)
    record_policy(workspace)
    return workspace, clock


def rows(path: str) -> Iterator[RawRecord | Reject]:
    return reader_for(path)(path, WHOLE)


def test_weeks_like_the_reference_raise_nothing_and_a_poorer_one_does(tmp_path: Path) -> None:
    workspace, clock = founded(tmp_path)
    streams.freeze(workspace, "bot", rows(written(tmp_path, "ref.jsonl", seed=1, texts=1500)), seed=0)

    for week in range(4):
        done = streams.add(workspace, "bot", rows(written(tmp_path, "w.jsonl", seed=10 + week, week=week)), seed=0)
        assert done.alarms == (), week
    worse = streams.add(workspace, "bot", rows(written(tmp_path, "w.jsonl", seed=20, worse=True, week=4)), seed=0)

    assert worse.alarms
    with workspace.log.reading() as view:
        weeks = view.recorded(StreamWeek, stream="bot", measure=worse.alarms[0])
        assert [week.fact.week for week in weeks] == [datetime(2026, 3, 2) + timedelta(weeks=n) for n in range(5)]
        assert [week.fact.alarm for week in weeks] == [False] * 4 + [True]
        found = status(view, now=clock.now())
        assert {alarm.subject.split(", ")[1] for alarm in alarms(view)} == set(worse.alarms)
    assert any(
        "against the frozen reference" in finding.what and finding.severity == "high" for finding in found.findings
    )

    streams.freeze(workspace, "bot", rows(written(tmp_path, "ref.jsonl", seed=2, texts=1500)), seed=0)
    with workspace.log.reading() as view:
        assert alarms(view) == []


def test_production_texts_are_our_own_when_they_come_back(tmp_path: Path) -> None:
    from tailguard.detection.own_outputs.index import own_outputs

    workspace, _ = founded(tmp_path)
    file = written(tmp_path, "ref.jsonl", seed=1, texts=1500)
    streams.freeze(workspace, "bot", rows(file), seed=0)

    with workspace.log.reading() as view:
        logged = logged_outputs(view)
    index = own_outputs(workspace.store, logged, tmp_path / "cache", anchor=None)
    long = next(text for text in read_texts(file) if len(text.split()) > 30)

    found = index.match([long], ["a"])[0]

    assert found is not None
    assert found.generation == "bot"


def test_what_cannot_be_monitored_is_said(tmp_path: Path) -> None:
    workspace, _ = founded(tmp_path)
    few = str(write_jsonl(tmp_path / "few.jsonl", [{"text": "a few words"}]))
    wrong = str(write_jsonl(tmp_path / "wrong.jsonl", [{"text": "a few words", "time": "yesterday"}]))

    with pytest.raises(InputError, match="The reference of bot is too small: 0 blocks of 150 words; at least 30"):
        streams.freeze(workspace, "bot", rows(few), seed=0)
    with pytest.raises(InputError, match=r"has no reference\. Freeze one with `tailguard monitor freeze bot FILE`"):
        streams.add(workspace, "bot", rows(few), seed=0)
    with pytest.raises(InputError, match="Line 1: `time` is 'yesterday', expected ISO 8601"):
        streams.freeze(workspace, "bot", rows(wrong), seed=0)


def test_the_e_process_hardly_ever_alarms_without_a_loss_however_long_one_looks() -> None:
    rng = np.random.default_rng(0)
    false = sum(
        e_process(np.clip(rng.normal(0.76, 0.05, 500), 0, 1), mean=0.8, error=0.0, margin=0.05).max() >= 20
        for _ in range(400)
    )

    assert false / 400 <= 0.05


def test_the_e_process_finds_a_loss_soon() -> None:
    rng = np.random.default_rng(1)
    evidence = [
        e_process(np.clip(rng.normal(0.70, 0.05, 60), 0, 1), mean=0.8, error=0.005, margin=0.05) for _ in range(50)
    ]

    assert np.mean([values.max() >= 300 for values in evidence]) > 0.95


@contextmanager
def receiver() -> Iterator[tuple[str, list[dict[str, Any]], list[int]]]:
    """A webhook on this machine: its Apprise address, what it got, and the status codes that it is to answer with first."""
    got: list[dict[str, Any]] = []
    answers: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            code = answers.pop(0) if answers else 200
            if code == 200:
                got.append(json.loads(body))
            self.send_response(code)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"json://user:hidden-word@127.0.0.1:{server.server_address[1]}/hook", got, answers
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_alarm_is_told_once_failures_are_seen_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace, clock = founded(tmp_path)
    streams.freeze(workspace, "bot", rows(written(tmp_path, "ref.jsonl", seed=1, texts=1500)), seed=0)
    file = written(tmp_path, "w.jsonl", seed=20, worse=True)
    monkeypatch.setenv("TAILGUARD_USER", "ada")

    with receiver() as (address, got, answers):
        monkeypatch.setenv("TAILGUARD_ALERTS", address)
        answers.extend([500, 500, 500])
        assert command(["monitor", "add", "bot", file, "-w", str(tmp_path)]) == 4
        assert "not delivered: alert-1 to json" in capsys.readouterr().out
        assert got == []
        with workspace.log.reading() as view:
            findings = status(view, now=clock.now()).findings
        assert any("could not be delivered" in finding.what for finding in findings)

        assert command(["alerts", "send", "-w", str(tmp_path)]) == 0
        first = len(got)
        assert alerts.send(workspace).delivered == 0
        assert command(["monitor", "add", "bot", file, "-w", str(tmp_path)]) == 4
        assert len(got) == first, "an alarm that stands is not told again"

    assert 1 <= first <= 3
    assert "against the frozen reference" in got[0]["message"]
    with workspace.log.reading() as view:
        raised = view.recorded(AlertRaised)
        sent = view.recorded(AlertSent)
        assert not any("could not be delivered" in finding.what for finding in status(view, now=clock.now()).findings)
    assert len(raised) == first
    assert "hidden-word" not in f"{raised} {sent}"
    assert {row.fact.delivered for row in sent} == {False, True}


def test_an_address_that_nobody_knows_is_a_failure_that_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, _ = founded(tmp_path)
    streams.freeze(workspace, "bot", rows(written(tmp_path, "ref.jsonl", seed=1, texts=1500)), seed=0)
    streams.add(workspace, "bot", rows(written(tmp_path, "w.jsonl", seed=20, worse=True)), seed=0)
    monkeypatch.setenv("TAILGUARD_ALERTS", "nosuch://secret")
    monkeypatch.setenv("TAILGUARD_USER", "ada")

    assert command(["alerts", "send", "-w", str(tmp_path)]) == 2
    with workspace.log.reading() as view:
        assert {row.fact.problem for row in view.recorded(AlertSent)} == {"the address is not one that Apprise knows"}
