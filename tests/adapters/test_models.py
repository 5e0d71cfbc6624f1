"""Trainers and generators: a served model with faults, commands that are watched, cancelled and too slow, answers from files."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tailguard.adapters.checkers import judge, read_check
from tailguard.adapters.generators.answers import FileGenerator
from tailguard.adapters.generators.endpoint import Endpoint, EndpointGenerator
from tailguard.adapters.running import Watched, run_command
from tailguard.adapters.trainers import ngram
from tailguard.cli import run as command
from tailguard.domain.facts import Evaluation, TokensUsed
from tailguard.domain.requests import PLAIN
from tailguard.domain.suite import Check
from tailguard.errors import InputError, TailguardError
from tailguard.pipeline import runner
from tailguard.ports import Decoding
from tests.builders import found_team, passages, write_jsonl
from tests.serving import FAULTS, Served, serving

PROMPTS = [" ".join(text.split()[:4]) for text in passages()[1500:1530]]
DECODING = Decoding(3, 20, 1.0)

FLOORLESS = (("\nanswered = 0.9 ", "\nanswered = 0.0 "), ("\nusable = 0.05 ", "\nusable = 0.0 "))
"""What the test's server says is hardly an answer."""


@pytest.fixture(scope="module")
def model() -> ngram.NgramModel:
    return ngram.fit(passages()[:500])


@pytest.fixture
def server(model: ngram.NgramModel) -> Iterator[Served]:
    with serving(model) as served:
        yield served


def asked(
    served: Served, folder: Path, *, api: str = "chat", retries: int = 6, timeout: float = 20
) -> EndpointGenerator:
    return EndpointGenerator(Endpoint(served.url, "tiny", api, 4, retries, timeout), folder, lambda _done, _total: None)


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_a_served_model_answers_like_the_model_itself(
    server: Served, model: ngram.NgramModel, tmp_path: Path, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret-of-the-test")
    generator = asked(server, tmp_path, api=api)

    answers = generator.generate(Path(), PROMPTS, decoding=DECODING, seed=7)

    expected = [
        tuple(
            ngram.sample(model, [prompt], max_tokens=20, temperature=1.0, seed=7 * 3 + sample)[0] for sample in range(3)
        )
        for prompt in PROMPTS
    ]
    assert answers == expected
    assert server.keys == {"Bearer secret-of-the-test"}
    assert 1 < server.most_at_once <= 4
    assert generator.usage.completion_tokens == sum(len(text.split()) for texts in answers for text in texts)
    assert not any(b"secret-of-the-test" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_faults_that_pass_are_tried_again_and_change_no_answer(server: Served, tmp_path: Path) -> None:
    calm = asked(server, tmp_path / "calm").generate(Path(), PROMPTS, decoding=DECODING, seed=1)
    server.faults = [fault for fault in FAULTS for _ in range(3)]

    stormy = asked(server, tmp_path / "stormy").generate(Path(), PROMPTS, decoding=DECODING, seed=1)

    assert stormy == calm


def test_a_slow_server_runs_into_the_time_limit_and_is_asked_again(server: Served, tmp_path: Path) -> None:
    server.faults = ["slow", "slow"]

    answers = asked(server, tmp_path, timeout=0.3).generate(Path(), PROMPTS[:3], decoding=DECODING, seed=1)

    assert len(answers) == 3
    assert server.requests["/v1/chat/completions"] == 11


def test_what_was_answered_before_an_interruption_is_not_asked_again(server: Served, tmp_path: Path) -> None:
    whole = asked(server, tmp_path / "whole").generate(Path(), PROMPTS, decoding=DECODING, seed=2)
    server.bodies.clear()
    server.stop_after = 40
    with pytest.raises(TailguardError, match=r"answered 500.*What was answered is kept"):
        asked(server, tmp_path / "cut", retries=0).generate(Path(), PROMPTS, decoding=DECODING, seed=2)
    (journal,) = (tmp_path / "cut").glob("*.jsonl")
    journal.write_bytes(journal.read_bytes()[:-5])
    kept = len(journal.read_bytes().splitlines()) - 1
    server.bodies.clear()
    server.stop_after = None

    again = asked(server, tmp_path / "cut").generate(Path(), PROMPTS, decoding=DECODING, seed=2)

    assert again == whole
    asked_again = {
        (body["messages"][0]["content"], body["seed"]) for body in server.bodies
    }  # a busy machine may repeat one
    assert len(asked_again) == len(PROMPTS) * 3 - kept


def test_a_notebook_with_a_running_loop_can_ask_too(server: Served, tmp_path: Path) -> None:
    async def cell() -> list[tuple[str, ...]]:
        return asked(server, tmp_path).generate(Path(), PROMPTS[:2], decoding=DECODING, seed=1)

    with ThreadPoolExecutor(1) as notebook:  # this thread may have a loop of its own: the browser tests leave one
        assert len(notebook.submit(lambda: asyncio.run(cell())).result()) == 2


def test_a_wrong_key_and_a_server_that_is_not_there_are_told(server: Served, tmp_path: Path) -> None:
    server.broken = 401
    with pytest.raises(InputError, match=r"answered 401.*Check url, model and key"):
        asked(server, tmp_path).generate(Path(), PROMPTS[:1], decoding=DECODING, seed=1)

    nowhere = EndpointGenerator(Endpoint("http://127.0.0.1:9/v1", "m", retries=0), tmp_path, lambda _done, _total: None)
    with pytest.raises(TailguardError, match="could not be asked"):
        nowhere.generate(Path(), PROMPTS[:1], decoding=DECODING, seed=1)


def test_two_served_models_get_a_verdict_with_two_commands(
    server: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts = write_jsonl(
        tmp_path / "prompts.jsonl", [{"id": f"p{n}", "prompt": prompt} for n, prompt in enumerate(PROMPTS)]
    )
    server.faults = ["429", "500"]
    for name, seed in (("old", "1"), ("new", "2")):
        words = ["generate", str(prompts), str(tmp_path / f"{name}.jsonl"), "--url", server.url, "--model", "tiny"]
        assert command([*words, "--samples", "4", "--max-tokens", "30", "--seed", seed, "--json"]) == 0
    usage = json.loads(capsys.readouterr().out.split("}\n")[0] + "}")

    code = command(["compare", str(tmp_path / "old.jsonl"), str(tmp_path / "new.jsonl"), "--margin", ".6", "--json"])

    content = json.loads(capsys.readouterr().out)
    assert (usage["prompts"], usage["answers"]) == (30, 120)
    assert usage["completion_tokens"] > 100
    assert code in (0, 4)
    assert content["samples_per_prompt"] == 4
    assert any(guard["name"] == "same decoding" for guard in content["guards"])
    assert {path.name for path in tmp_path.iterdir()} == {"prompts.jsonl", "old.jsonl", "new.jsonl"}


@pytest.mark.slow
def test_a_run_is_evaluated_over_an_endpoint_and_logs_what_it_cost(server: Served, tmp_path: Path) -> None:
    served = f'trainer = "ngram"\ngenerator = "endpoint"\n\n[generators.endpoint]\nurl = "{server.url}"\nmodel = "{{generation}}"'
    team = found_team(tmp_path, changes=[*FLOORLESS, ('trainer = "ngram"', served), ("samples = 4", "samples = 1")])

    run = runner.start(team.workspace, "main", [team.batch("b", team.take(150))], recipe=PLAIN, seed=0)
    runner.advance(team.workspace, run)

    with team.workspace.log.reading() as view:
        (cost,) = view.recorded(TokensUsed)
        (evaluation,) = view.recorded(Evaluation)
    assert {body["model"] for body in server.bodies} == {"main/0"}
    assert len(server.bodies) == 2 * evaluation.fact.prompts
    assert cost.fact.completion_tokens > 0


def test_answers_from_a_file_are_found_by_their_prompt_and_the_second_half_is_the_self_test(tmp_path: Path) -> None:
    rows = [{"prompt_id": n, "prompt": f"prompt {n}", "output": f"{n}.{sample}"} for n in (1, 0) for sample in range(4)]
    generator = FileGenerator(write_jsonl(tmp_path / "answers.jsonl", rows))

    first, second = (
        generator.generate(Path(), ["prompt 0", "prompt 1"], decoding=Decoding(2, 9, 1.0), seed=seed) for seed in (5, 6)
    )

    assert first == [("0.0", "0.1"), ("1.0", "1.1")]
    assert second == [("0.2", "0.3"), ("1.2", "1.3")]
    with pytest.raises(InputError, match="has 4 answers to 'prompt 0'; 6 are needed"):
        generator.generate(Path(), ["prompt 0"], decoding=Decoding(3, 9, 1.0), seed=5)


def _watched(tmp_path: Path, heard: list[str] | None = None) -> Watched:
    return Watched(tmp_path / "run.log", tmp_path / "run.cancel", (heard if heard is not None else []).append)


def _run(code: str, watched: Watched, timeout: float = 30) -> None:
    run_command(
        [sys.executable, "-u", "-c", code, "{seed}"],
        {"seed": "7"},
        what="trainer's command",
        timeout_seconds=timeout,
        environment={"MARK": "of the test"},
        watched=watched,
    )


def test_a_commands_output_is_in_its_log_as_it_comes(tmp_path: Path) -> None:
    heard: list[str] = []

    _run(
        "import os, sys; print('step', sys.argv[1]); print(os.environ['MARK'], file=sys.stderr)",
        _watched(tmp_path, heard),
    )

    assert heard == ["step 7", "of the test"]
    assert (tmp_path / "run.log").read_text() == "step 7\nof the test\n"


def test_a_command_that_takes_too_long_is_stopped_with_its_children(tmp_path: Path) -> None:
    code = "import subprocess, sys; print(subprocess.Popen(['sleep', '60']).pid); import time; time.sleep(60)"
    heard: list[str] = []

    with pytest.raises(TailguardError, match="did not end within 0 minutes and was stopped"):
        _run(code, _watched(tmp_path, heard), timeout=1.5)

    until = time.monotonic() + 5
    while Path(f"/proc/{heard[0]}/cmdline").exists() and time.monotonic() < until:
        if not Path(f"/proc/{heard[0]}/cmdline").read_bytes():
            break  # a zombie
        time.sleep(0.05)
    assert time.monotonic() < until


def test_a_run_can_be_cancelled_from_elsewhere_and_goes_on_later(tmp_path: Path) -> None:
    code = (
        "import time, pathlib, sys; print('begun', flush=True); weights, go = map(pathlib.Path, sys.argv[1:]);"
        "[time.sleep(.1) for _ in range(400) if not go.exists()]; (weights / 'w').write_text('w')"
    )
    done = tmp_path / "go"
    words = [sys.executable, "-c", code, "{weights}", str(done)]
    text = f'trainer = "command"\n\n[trainers.command]\ntrain = {json.dumps(words)}\ngenerate = ["true"]\n'
    team = found_team(tmp_path / "team", changes=[('trainer = "ngram"', text)])
    run = runner.start(team.workspace, "main", [team.batch("b", team.take(100))], recipe=PLAIN, seed=0)
    with pytest.raises(InputError, match="Nothing is working on main/0"):
        runner.cancel(team.workspace, run)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            runner.advance(team.workspace, run, until="train")
        except TailguardError as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    log = team.workspace.root / "runs" / "main-0.log"
    while not (log.exists() and "begun" in log.read_text()):
        assert thread.is_alive()
        time.sleep(0.05)
    runner.cancel(team.workspace.as_actor("lin"), run)
    thread.join(30)

    assert "was cancelled by lin" in str(errors[0])
    done.write_text("")
    assert "train" in runner.advance(team.workspace, run, until="train").finished


@pytest.mark.parametrize(
    ("check", "output", "score"),
    [
        (Check("exact", "Paris"), " Paris\n", 1),
        (Check("exact", "Paris"), "Paris.", 0),
        (Check("contains", ("rome", "paris")), "It is PARIS.", 1),
        (Check("regex", r"\b4\d\b"), "about 42", 1),
        (Check("regex", r"^4"), "about 42", 0),
        (Check("numeric", 3.14, 0.01), "first 2, then 3.141", 1),
        (Check("numeric", "1200"), "so 1,200", 1),
        (Check("numeric", 3.14, 0.01), "no number", 0),
    ],
)
def test_checkers_judge_answers(check: Check, output: str, score: float) -> None:
    assert judge(check, output) == score


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"check": "nmeric", "expected": 1}, "no checker 'nmeric'.*Did you mean 'numeric'"),
        ({"check": "regex", "expected": "("}, "cannot be used by the checker regex"),
        ({"check": "numeric", "expected": "many"}, "cannot be used by the checker numeric"),
        ({"check": "exact"}, "has a check but no `expected`"),
        ({"expected": 1}, "has `expected` but no `check`"),
        ({"check": "numeric", "expected": 1, "tolerance": -1}, "`tolerance` is a number of at least 0"),
    ],
)
def test_checks_that_cannot_work_are_refused(row: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_check(row, "suite.jsonl line 1")
