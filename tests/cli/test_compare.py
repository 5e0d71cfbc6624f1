"""`tailguard compare`: two files of answers, no set-up, one verdict; and what each kind of broken model comes to."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

import tailguard
from tailguard.adapters.trainers import ngram
from tailguard.cli import run
from tailguard.domain.verdict import Verdict
from tailguard.errors import InputError
from tailguard.reports.comparison_page import page
from tests.builders import passages, write_jsonl

Row = dict[str, object]
SAMPLES, PROMPTS = 4, 150


@cache
def model() -> ngram.NgramModel:
    return ngram.fit(passages()[:1500])


@cache
def _answers(seed: int, temperature: float) -> tuple[str, ...]:
    asked = [" ".join(text.split()[:4]) for text in passages()[1500 : 1500 + PROMPTS] for _ in range(SAMPLES)]
    return tuple(ngram.sample(model(), asked, max_tokens=60, temperature=temperature, seed=seed))


def noise(at: int, row: Row) -> str:
    """Random letters, as many as the answer had."""
    letters = random.Random(at)  # noqa: S311  noise, not a secret
    return "".join(letters.choices("abcdefghij ", k=len(str(row["output"]))))


def rows(seed: int = 1, temperature: float = 1.0, **more: object) -> list[Row]:
    """What a model answers: PROMPTS x SAMPLES rows in two slices."""
    return [
        {
            "prompt_id": at // SAMPLES,
            "prompt": " ".join(passages()[1500 + at // SAMPLES].split()[:4]),
            "output": text,
            "slice": "odd" if at // SAMPLES % 2 else "even",
            **more,
        }
        for at, text in enumerate(_answers(seed, temperature))
    ]


def changed(change: Callable[[int, Row], str]) -> list[Row]:
    return [{**row, "output": change(at, row)} for at, row in enumerate(rows())]


def test_another_sample_of_the_same_model_passes() -> None:
    report = tailguard.compare(rows(1), rows(2), margin=0.1)

    assert report.verdict is Verdict.PASS, report.reason
    assert {one.measure for one in report.comparison.measures} == {
        "tail recall",
        "rarefied type coverage",
        "between-response variety",
    }
    assert {one.slice for one in report.comparison.slices} == {"even", "odd"}
    assert {one.measure for one in report.comparison.secondary} >= {
        "MATTR",
        "MTLD",
        "self-BLEU",
        "Vendi score",
        "PRDC recall",
    }


def test_a_model_that_answers_every_prompt_alike_is_blocked() -> None:
    longest = sorted((str(row["output"]) for row in rows()), key=len)
    middle = next(text for text in longest if len(text.split()) >= 26)

    report = tailguard.compare(rows(), changed(lambda _at, _row: middle))

    assert report.verdict is Verdict.BLOCK, report.reason
    assert all(one.delta < -0.5 for one in report.comparison.measures)
    assert any(one.kind == "prompt" for one in report.lost)


def test_a_model_that_gives_each_prompt_one_answer_is_blocked_whatever_it_says_elsewhere() -> None:
    first = {row["prompt_id"]: str(row["output"]) for row in rows()}

    report = tailguard.compare(rows(), changed(lambda _at, row: first[row["prompt_id"]]))

    assert report.verdict is Verdict.BLOCK
    within = next(one for one in report.comparison.secondary if one.measure == "within-prompt variety")
    assert within.lost


def test_a_model_trained_on_its_own_output_is_blocked() -> None:
    parent = rows()
    asked = [str(row["prompt"]) for row in parent]
    child = ngram.fit([f"{row['prompt']} {row['output']}" for row in parent])
    answers = ngram.sample(child, asked, max_tokens=60, temperature=1.0, seed=3)

    report = tailguard.compare(parent, changed(lambda at, _row: answers[at]))

    assert report.verdict is Verdict.BLOCK
    assert any(one.kind == "rare term" for one in report.lost)


@pytest.mark.parametrize(
    ("change", "guard"),
    [
        (lambda _at, _row: "", "empty answers"),
        (lambda _at, row: "I'm sorry, but I cannot help. " + str(row["output"]), "refusals"),
        (lambda _at, row: " ".join(str(row["output"]).split()[:5]), "response length"),
        (noise, "text quality"),
    ],
)
def test_broken_models_are_not_comparable_and_the_guard_is_named(change: Callable[[int, Row], str], guard: str) -> None:
    report = tailguard.compare(rows(), changed(change))

    assert report.verdict is Verdict.NOT_COMPARABLE
    assert guard in {check.name for check in report.comparison.guards if not check.met}
    assert guard in report.reason


def test_answers_that_have_nothing_to_do_with_their_prompts_do_not_pass() -> None:
    prompts = [text for text in passages() if len(text.split()) > 30][:200]
    asked = [{"prompt_id": at, "prompt": text, "output": f"{text} Indeed."} for at, text in enumerate(prompts)]
    on_topic = [{**row, "output": " ".join(str(row["output"]).split()[::-1])} for row in asked]
    mixed = [{**row, "output": on_topic[(at + 7) % 200]["output"]} for at, row in enumerate(on_topic)]

    report = tailguard.compare(on_topic, mixed)

    assert report.verdict is Verdict.NOT_COMPARABLE
    assert "about its prompt" in report.reason


def test_other_decoding_and_other_prompts_under_one_id_are_not_comparable() -> None:
    decoding = tailguard.compare(rows(decoding="temperature=1"), rows(decoding="temperature=.5"))
    prompts = tailguard.compare(rows(), [{**row, "prompt": "something else"} for row in rows()])

    assert "same decoding" in decoding.reason
    assert "same prompts" in prompts.reason
    assert {decoding.verdict, prompts.verdict} == {Verdict.NOT_COMPARABLE}


def test_one_answer_a_prompt_is_said_and_too_few_prompts_are_inconclusive() -> None:
    single = [row for at, row in enumerate(rows()) if at % SAMPLES == 0]

    report = tailguard.compare(single[:15], single[:15])

    assert report.verdict is Verdict.INCONCLUSIVE
    assert any("one answer a prompt" in note for note in report.comparison.notes)
    assert any("word for word" in note for note in report.comparison.notes)


def test_a_missing_sample_of_one_prompt_is_told_with_the_counts() -> None:
    report = tailguard.compare(rows(), rows()[1:])

    guard = next(check for check in report.comparison.guards if not check.met)
    assert (guard.name, guard.required, guard.observed) == ("same samples per prompt", "4", "3 to 4")


def test_checked_tail_prompts_gate_and_no_discordance_in_few_of_them_is_not_a_pass() -> None:
    right, wrong = ({"score": 1, "tail": True}, {"score": 0, "tail": True})
    broken = [{**row, **(wrong if int(str(row["prompt_id"])) % 4 == 0 else right)} for row in rows(2)]

    lost = tailguard.compare(rows(**right), broken, margin=0.1)
    few = tailguard.compare(rows(**right)[: 30 * SAMPLES], rows(**right)[: 30 * SAMPLES], margin=0.05)

    assert lost.verdict is Verdict.BLOCK
    assert lost.comparison.measures[0].measure == "tail accuracy"
    assert {one.kind for one in lost.lost} >= {"item"}
    assert few.comparison.measures[0].verdict is Verdict.INCONCLUSIVE


def test_a_candidate_without_the_scores_or_the_tail_prompts_of_its_parent_is_not_comparable() -> None:
    scored = tailguard.compare(rows(score=1), rows())
    tail = [{**row, "tail": int(str(row["prompt_id"])) < 30} for row in rows()]
    dropped = tailguard.compare(tail, tail[SAMPLES:])

    assert scored.verdict is dropped.verdict is Verdict.NOT_COMPARABLE
    assert "same items scored is 150 of them without" in scored.reason
    assert "tail prompts is 1 not answered" in dropped.reason
    with pytest.raises(InputError, match="prompt id '0' has a score for 1 of its 4 answers"):
        tailguard.compare(rows(), [{**rows()[0], "score": 1}, *rows()[1:]])


def test_a_suite_brings_slices_tails_and_checkers(tmp_path: Path) -> None:
    suite = write_jsonl(
        tmp_path / "suite.jsonl",
        [
            {
                "id": at,
                "prompt": " ".join(passages()[1500 + at].split()[:4]),
                "slice": "rare" if at < 50 else "common",
                "tail": at < 50,
                "check": "contains",
                "expected": ["the", "a"],
            }
            for at in range(PROMPTS)
        ],
    )

    report = tailguard.compare(rows(1), rows(2), suite=suite, margin=0.3)

    assert report.comparison.measures[0].measure == "tail accuracy"
    assert {(one.slice, one.tail) for one in report.comparison.slices} == {("rare", True), ("common", False)}


def test_the_command_says_the_verdict_by_its_exit_code_and_writes_json_and_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = '<script>alert("1")</script> [x](javascript:1) {{ 7*7 }} '
    parent = write_jsonl(tmp_path / "parent.jsonl", [{**row, "slice": hostile} for row in rows()])
    candidate = tmp_path / "candidate.parquet"
    pd.DataFrame(changed(lambda _at, row: hostile + str(row["output"]))).to_parquet(candidate)
    html = tmp_path / "report.html"

    code = run(["compare", str(parent), str(candidate), "--json", "--html", str(html)])

    content = json.loads(capsys.readouterr().out)
    assert content["format"] == "tailguard-comparison/1"
    assert code == {"PASS": 0, "BLOCK": 3}.get(content["verdict"], 4)
    assert b"<script>" not in html.read_bytes()
    assert b"&lt;script&gt;" in html.read_bytes()
    assert page(content) == html.read_bytes()


def test_the_same_input_gives_the_same_report() -> None:
    assert (
        tailguard.compare(rows(1), rows(2), seed=3).content() == tailguard.compare(rows(1), rows(2), seed=3).content()
    )


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"prompt": "p", "output": "o"}, "line 3: expected `prompt_id`, found none"),
        ({"prompt_id": 1, "prompt": "p"}, "line 3: expected `output` with a text, found None"),
        ({"prompt_id": 1, "prompt": "p", "output": "o", "score": 2}, "line 3: expected `score` from 0 to 1, found 2"),
        (
            {"prompt_id": 1, "prompt": "p", "output": "o", "tail": "yes"},
            "line 3: expected `tail` true or false, found 'yes'",
        ),
        ({"prompt_id": 0, "prompt": "another", "output": "o"}, "line 3: prompt id '0' has another prompt"),
        (b"{", "line 3 is not JSON"),
        (b"[]", "line 3 is list, expected an object"),
    ],
)
def test_bad_rows_are_named_by_file_and_line(tmp_path: Path, row: object, told: str) -> None:
    good = {"prompt_id": 0, "prompt": "p\u2028q", "output": "text"}
    line = json.dumps(good, ensure_ascii=False).encode()
    file = write_jsonl(tmp_path / "answers.jsonl", [line, b"", row])

    with pytest.raises(InputError) as error:
        tailguard.compare(file, file)

    assert "answers.jsonl " + told in str(error.value)


def test_missing_files_and_margins_out_of_range_are_input_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = write_jsonl(tmp_path / "there.jsonl", rows()[:4])

    assert run(["compare", str(there), str(tmp_path / "gone.jsonl")]) == 1
    assert run(["compare", str(there), str(tmp_path / "gone.parquet")]) == 1
    assert run(["compare", str(there), str(there), "--margin", "2"]) == 1
    assert "gone.jsonl cannot be read" in capsys.readouterr().err
