"""The command line as a newcomer meets it: exit codes, messages, and what they leave behind."""

from __future__ import annotations

import json
import re
import resource
import socket
import subprocess
import sys
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from tailguard import cli
from tailguard.domain.facts import Composition
from tests.builders import Team, facts, found_team, over_the_ceiling, passages, write_jsonl

ROOT = Path(__file__).parent.parent.parent


def run(*words: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = cli.run([str(word) for word in words])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def commands() -> list[tuple[str, TyperCommand]]:
    """Every command with its whole name."""
    found: list[tuple[str, TyperCommand]] = []

    def walk(group: TyperGroup, name: str) -> None:
        for word, command in group.commands.items():
            whole = f"{name} {word}".strip()
            if isinstance(command, TyperGroup):
                walk(command, whole)
            else:
                assert isinstance(command, TyperCommand), whole
                found.append((whole, command))

    whole = typer.main.get_command(cli.app)
    assert isinstance(whole, TyperGroup)
    walk(whole, "")
    return found


def lacking(name: str, command: TyperCommand, readme: str) -> set[str]:
    """What a command needs to be found and to be scripted, and lacks."""
    options = {option for parameter in command.params for option in parameter.opts}
    has = {
        "help": bool(getattr(command, "help", None)),
        "help of every option": all(getattr(parameter, "help", None) for parameter in command.params),
        "--json": "--json" in options,
        "a line in the readme": re.search(rf"`tailguard {re.escape(name)}[` ]", readme) is not None,
    }
    return {what for what, there in has.items() if not there}


@pytest.mark.parametrize(("name", "command"), commands(), ids=[name for name, _ in commands()])
def test_every_command_has_help_takes_json_and_stands_in_the_readme(name: str, command: TyperCommand) -> None:
    assert lacking(name, command, (ROOT / "README.md").read_text()) == set()


def test_a_command_without_help_json_and_a_line_in_the_readme_is_found() -> None:
    app = typer.Typer(add_completion=False)

    @app.command("ship")
    def bare(name: str) -> None: ...

    command = typer.main.get_command(app)

    assert isinstance(command, TyperCommand)
    assert lacking("ship", command, "`tailguard shipping list`") == {
        "help",
        "help of every option",
        "--json",
        "a line in the readme",
    }


def test_a_newcomer_gets_from_nothing_to_a_shipped_generation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    texts = passages()
    write_jsonl(tmp_path / "anchor.jsonl", [{"text": text} for text in texts[:400]])
    write_jsonl(
        tmp_path / "suite.jsonl",
        [{"prompt": " ".join(text.split()[:3]), "id": n, "tail": n % 2 == 0} for n, text in enumerate(texts[400:500])],
    )
    write_jsonl(tmp_path / "docs.jsonl", [*({"text": text} for text in texts[500:800]), b"broken"])

    assert run("init", capsys=capsys)[0] == 0
    policy = Path("policy.toml")  # a model of three hundred passages strings words together
    policy.write_text(policy.read_text().replace("\nusable = 0.8 ", "\nusable = 0.5 "))
    assert run("anchor", "freeze", "anchor.jsonl", capsys=capsys)[0] == 0
    assert run("suite", "freeze", "suite.jsonl", "--kind", "continuation", capsys=capsys)[0] == 0
    code, out, err = run("run", "--batch", "docs:human:docs.jsonl", capsys=capsys)
    assert (code, "BASELINE: first generation" in out, "1 could not be read" in out) == (0, True, True), err
    assert run("ship", "main/0", capsys=capsys)[0] == 0
    code, out, _ = run("status", "--json", capsys=capsys)
    status = json.loads(out)
    assert status["format"] == "tailguard-status/1"
    assert status["lineages"][0]["generations"][0]["shipping"] == "shipped"
    snapshot = status["lineages"][0]["generations"][0]["snapshot"]
    assert run("check", "-l", "main", "-s", snapshot[:10], capsys=capsys)[0] == 0
    assert run("rebuild", snapshot, "--out", "again.jsonl", capsys=capsys)[0] == 0
    assert run("verify", capsys=capsys)[0] == 0
    code, out, _ = run("outputs", "sample", "main/0", "--count", 5, "--out", "o.jsonl", capsys=capsys)
    assert code == 0


def test_stage_commands_take_a_run_through_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAILGUARD_USER", "lin")
    team = found_team(tmp_path)
    batch = team.batch("a", team.take(150))

    assert run("intake", "-w", tmp_path, "-b", f"docs:human:{batch.file}", capsys=capsys)[0] == 0
    code, _, err = run("train", "-w", tmp_path, capsys=capsys)
    assert (code, "train cannot start: compose has not finished" in err) == (1, True)
    for stage in ("score", "compose", "train", "evaluate", "gate", "handoff"):
        assert run(stage, "-w", tmp_path, capsys=capsys)[0] == 0, stage


def test_a_blocked_job_exits_with_three_and_says_why(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    run_name = over_the_ceiling(team)
    snapshot = facts(team, Composition, run=run_name)[-1].snapshot

    code, out, _ = run("check", "-w", team.workspace.root, "-l", "main", "-s", snapshot, capsys=capsys)
    resumed, _, err = run("run", "-w", team.workspace.root, "--resume", run_name, capsys=capsys)

    assert (code, resumed) == (3, 3)
    assert "BLOCKED main/1" in out
    assert "ceiling 30.0%" in out
    assert "ask for an override" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["status"], "There is no policy.toml"),
        (["status", "--surprise"], "No such option"),
        (["no-such-command"], "No such command"),
        (["check", "-w", "{team}", "-l", "main", "-s", "abc"], "has no snapshot 'abc'"),
        (["check", "-w", "{team}", "-l", "mian", "-s", "abc"], "Did you mean 'main'"),
        (["run", "-w", "{team}", "-b", "docs:human:missing.jsonl"], "does not exist. Check the path."),
        (["run", "-w", "{team}", "-b", "docs:martian:x.jsonl"], "origin human, ai, mixed or unknown, found 'docs:martian:x.jsonl'"),
        (["run", "-w", "{team}", "-b", "docs:human:{team}/nothing"], "is a folder without a file"),
        (["run", "-w", "{team}", "--resume", "main/9"], "There is no run 'main/9'"),
        (["ship", "main/9", "-w", "{team}"], "There is no generation"),
        (["anchor", "freeze", "{team}/inbox/anchor.jsonl", "-w", "{team}"], "never replaced wholesale"),
        (["suite", "freeze", "{team}/inbox/suite.jsonl", "-w", "{team}"], "can only be compared on it"),
        (["init", "{team}"], "exists already"),
        (["init", "/proc/nowhere"], "/proc/nowhere"),
        (["override", "approve", "override-1", "-w", "{team}"], "There is no override 'override-1'"),
        (["quarantine", "decide", "abc", "--origin", "human", "--code", "style", "-w", "{team}"], "0 waiting records start with"),
        (["detect", "missing.csv"], "does not exist"),
        (["detect", "{team}/inbox/anchor.jsonl", "--error-rate", "2"], "--error-rate is above 0 and below 1"),
        (["trace", "0123456789", "-w", "{team}/inbox"], "There is no run log"),
        (["source", "sign", "web", "-w", "{team}"], "no contract with 'web'"),
        (
            ["source", "declare", "web", "--owner", "e", "--licence", "l", "--origin", "x", "-w", "{team}"],
            "declares human, ai or mixed",
        ),
        (["quarantine", "import", "nowhere.csv", "-w", "{team}"], "cannot be read"),
        (["quarantine", "export", "--format", "docx", "--out", "x", "-w", "{team}"], "--format is csv, argilla, label-studio"),
        (["export", "abc", "--out", "x", "--format", "xml", "-w", "{team}"], "--format is parquet, jsonl, hf"),
        (["demo", "--no-dashboard", "--dir", "{team}"], "is not empty and holds no demo"),
    ],
)  # fmt: skip
def test_wrong_input_is_one_clear_message_and_exit_code_one(
    words: list[str],
    message: str,
    team: Team,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (team.workspace.root / "nothing").mkdir()
    monkeypatch.setenv("TAILGUARD_USER", "ada")
    monkeypatch.chdir(tmp_path / "elsewhere")

    code, _, err = run(*(word.replace("{team}", str(team.workspace.root)) for word in words), capsys=capsys)

    assert message in err
    assert "Traceback" not in err
    assert code == (2 if "/proc" in message else 1)


def test_a_policy_with_a_typo_names_the_line(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    policy = team.workspace.root / "policy.toml"
    policy.write_text(policy.read_text().replace("ceiling =", "cieling ="))

    code, _, err = run("check", "-w", team.workspace.root, "-l", "main", "-s", "x", capsys=capsys)

    assert code == 1
    assert "unknown key 'lineages.main.cieling'. Did you mean 'ceiling'?" in err


def test_a_changed_log_fails_verification_with_exit_code_three(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    from sqlalchemy import text

    with team.workspace.log.writing() as view:
        view.connection.execute(text("UPDATE anchor_frozen SET records = 1"))

    code, out, _ = run("verify", "-w", team.workspace.root, capsys=capsys)

    assert code == 3
    assert "no longer fits" in out


def test_a_busy_port_is_named(team: Team, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]

        code, _, err = run("dashboard", "-w", team.workspace.root, "--port", port, capsys=capsys)

    assert code == 1
    assert f"Port {port} is in use" in err


@pytest.mark.slow
def test_a_full_disk_is_said_and_nothing_half_written_is_left(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file size limit stands in for the full disk: every write past 300 kB fails, as it would there."""
    monkeypatch.setenv("TAILGUARD_USER", "lin")
    batch = team.batch("a", team.take(300))
    before = sorted(path for path in (team.workspace.root / "store").rglob("*") if path.is_file())
    words = [
        sys.executable,
        "-m",
        "tailguard.cli",
        "run",
        "-w",
        str(team.workspace.root),
        "-b",
        f"docs:human:{batch.file}",
    ]

    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    done = subprocess.run(words, capture_output=True, text=True, preexec_fn=small, check=False, cwd=ROOT)  # noqa: S603  our own command

    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr, done.stderr
    left = sorted(path for path in (team.workspace.root / "store").rglob("*") if path.is_file())
    assert not [path for path in left if path.name.startswith(".")]
    assert set(before) <= set(left)
    again = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603  our own command
    assert again.returncode == 0, again.stderr


def loaded_by(code: str) -> set[str]:
    """Which heavy libraries a fresh Python has loaded after a line of code."""
    heavy = "'streamlit', 'sklearn', 'pandas', 'sqlalchemy', 'duckdb', 'pyarrow', 'numpy', 'numba', 'scipy'"
    words = [sys.executable, "-c", f"{code}; import sys; print(*(m for m in ({heavy}) if m in sys.modules))"]
    return set(subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT).stdout.split())  # noqa: S603  our own command


def test_importing_is_light_and_help_loads_nothing_heavy() -> None:
    assert loaded_by("import tailguard; from tailguard import cli") == set()
    assert loaded_by("import numpy") == {"numpy"}


def undocumented(shape: type, text: str) -> set[str]:
    """The fields of a value, and of all values within it, that a text does not name."""
    found: set[str] = set()
    seen: set[type] = set()
    waiting: list[Any] = [shape]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and is_dataclass(kind) and kind not in seen:
            seen.add(kind)
            found.update(f"{kind.__name__}.{field.name}" for field in fields(kind) if f"`{field.name}`" not in text)
            waiting.extend(get_type_hints(kind).values())
        waiting.extend(get_args(kind))
    return found


def test_the_shape_of_status_is_documented() -> None:
    from tailguard.plays import status

    text = (ROOT / "docs" / "status.md").read_text()

    assert undocumented(status.Status, text) == set()
    assert status.FORMAT in text


def test_a_field_that_is_not_documented_is_found_within_values_of_a_value() -> None:
    @dataclass
    class Inner:
        share: float

    @dataclass
    class Outer:
        name: str
        parts: tuple[Inner, ...]

    Outer.__annotations__["parts"] = tuple[Inner, ...]

    assert undocumented(Outer, "`name` and `parts`") == {"Inner.share"}


def test_detect_needs_nothing_but_a_file_and_reports_what_it_could_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.texts import HUMAN, MODEL

    monkeypatch.chdir(tmp_path)
    rows = [{"body": text} for text in (*HUMAN, *MODEL)]
    file = tmp_path / "x.jsonl"
    file.write_text("\n".join([json.dumps(row) for row in rows] + ["{broken"]))

    code, out, err = run("detect", file, "--text", "body", "--json", capsys=capsys)

    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [line["verdict"] for line in lines[:-1]][-3:] == ["ai", "ai", "ai"]
    assert set(lines[0]) == {"id", "verdict", "score", "evidence", "spans"}
    assert lines[-1]["summary"]["records"] == len(rows)
    assert lines[-1]["summary"]["rejected"] == 1
    assert json.loads(err)["line"] == len(rows) + 1
    assert list(tmp_path.iterdir()) == [file]


def test_a_record_is_traced_by_id_text_and_file(team: Team, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = team.take(1)[0]
    team.run([team.batch("a", [text, *team.take(60)])])
    file = tmp_path / "asked.jsonl"
    file.write_text(json.dumps({"text": text}) + "\n" + json.dumps({"text": "never seen before"}) + "\n")

    by_text = run("trace", text, "-w", team.workspace.root, capsys=capsys)
    by_file = run("trace", file, "-w", team.workspace.root, capsys=capsys)

    assert by_text[0] == by_file[0] == 0
    assert "came from docs in main/0, is tagged human on declaration" in by_text[1]
    assert "proven by its ledger's root" in by_text[1]
    assert "generation main/0" in by_text[1]
    assert "came from docs" in by_file[1]
    assert "was never taken in" in by_file[1]
