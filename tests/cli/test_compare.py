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
from tailguard.domain.measures import Measure
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
    """Words of all answers at random, as many as the answer had."""
    pool = [word for other in rows() for word in str(other["output"]).split()]
    drawn = random.Random(at)  # noqa: S311  noise, not a secret
    return " ".join(drawn.choices(pool, k=len(str(row["output"]).split())))


def rows(seed: int = 1, temperature: float = 1.0, **more: object) -> list[Row]:
    """What a model answers: PROMPTS x SAMPLES rows in two slices.

    The model goes on from an opening and keeps to no topic, so its prompts are shown as numbers, which ask for none.
    """
    return [
        {
            "prompt_id": at // SAMPLES,
            "prompt": f"{at // SAMPLES}?",
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
    assert {measured.measure for measured in report.comparison.measures} == {
        Measure.USABLE,
        Measure.RARE_DENSITY,
        Measure.RARE_COVERAGE,
        Measure.RARE_IN_PLACE,
        Measure.TYPE_DENSITY,
        Measure.TYPE_COVERAGE,
        Measure.PAIR_DENSITY,
        Measure.WITHIN_PROMPT,
    }
    assert {part.slice for part in report.comparison.slices} == {"even", "odd"}
    assert {measure.measure for measure in report.comparison.secondary} >= {
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
    assert "100.0% copies of other answers" in report.reason
    assert any(shift.kind == "prompt" for shift in report.lost)


def test_a_model_that_gives_each_prompt_one_answer_is_blocked_whatever_it_says_elsewhere() -> None:
    first = {row["prompt_id"]: str(row["output"]) for row in rows()}

    report = tailguard.compare(rows(), changed(lambda _at, row: first[row["prompt_id"]]))

    assert report.verdict is Verdict.BLOCK
    assert report.reason.startswith("variety within a prompt fell 100 points")


def test_a_model_trained_on_its_own_output_is_blocked() -> None:
    parent = rows()
    asked = [str(row["prompt"]) for row in parent]
    child = ngram.fit([f"{row['prompt']} {row['output']}" for row in parent])
    answers = ngram.sample(child, asked, max_tokens=60, temperature=1.0, seed=3)

    report = tailguard.compare(parent, changed(lambda at, _row: answers[at]))

    assert report.verdict is Verdict.BLOCK
    assert any(case.kind == "rare term" for case in report.lost)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda _at, _row: "", "empty answers"),
        (lambda at, _row: "" if at % 3 else f"I'm sorry, but I cannot help with {at}.", "refusals"),
        (lambda _at, row: " ".join([*str(row["output"]).split()[:6]] * 8), "loops"),
        (lambda _at, row: " ".join(str(row["output"]).split()[:5]), "prompt for prompt fell"),
        (noise, "words without order"),
    ],
)
def test_broken_models_are_blocked_and_what_is_wrong_is_named(change: Callable[[int, Row], str], named: str) -> None:
    report = tailguard.compare(rows(), changed(change))

    assert report.verdict is Verdict.BLOCK
    assert named in report.reason


def test_answers_that_have_nothing_to_do_with_their_prompts_are_blocked() -> None:
    texts = [text.split() for text in passages() if len(text.split()) > 40][:300]
    on_topic = [
        {"prompt_id": at, "prompt": " ".join(text[:15]), "output": " ".join(text[15:])} for at, text in enumerate(texts)
    ]
    mixed = [{**row, "output": on_topic[(at + 7) % len(texts)]["output"]} for at, row in enumerate(on_topic)]

    report = tailguard.compare(on_topic, mixed)

    assert report.verdict is Verdict.BLOCK
    assert "answers to another question" in report.reason


def test_shorter_answers_that_are_as_rich_word_for_word_are_not_comparable() -> None:
    measures = tailguard.compare(
        rows(), changed(lambda _at, row: " ".join(str(row["output"]).split()[: max(8, len(str(row["output"]).split()) // 2)])),
        margin=0.12,
    )  # fmt: skip

    assert measures.verdict is Verdict.NOT_COMPARABLE, measures.reason
    assert "shorter, as rich word for word" in measures.reason


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
    lost_items = next(m for m in lost.comparison.measures if m.measure is Measure.TAIL_ACCURACY)
    few_items = next(m for m in few.comparison.measures if m.measure is Measure.TAIL_ACCURACY)
    assert lost_items.verdict is Verdict.BLOCK
    assert {case.kind for case in lost.lost} >= {"item"}
    assert few_items.verdict is Verdict.INCONCLUSIVE


def test_a_candidate_without_the_scores_or_the_tail_prompts_of_its_parent_is_not_comparable() -> None:
    scored = tailguard.compare(rows(score=1), rows())
    tail = [{**row, "tail": int(str(row["prompt_id"])) < 30} for row in rows()]
    dropped = tailguard.compare(tail, tail[SAMPLES:])

    assert scored.verdict is dropped.verdict is Verdict.NOT_COMPARABLE
    assert "same items scored: 150 of them without" in scored.reason
    assert "tail prompts: 1 not answered" in dropped.reason
    with pytest.raises(InputError, match="prompt id '0' has a score for 1 of its 4 answers"):
        tailguard.compare(rows(), [{**rows()[0], "score": 1}, *rows()[1:]])


def test_a_suite_brings_slices_tails_and_checkers(tmp_path: Path) -> None:
    suite = write_jsonl(
        tmp_path / "suite.jsonl",
        [
            {
                "id": at,
                "prompt": f"{at}?",
                "slice": "rare" if at < 50 else "common",
                "tail": at < 50,
                "check": "contains",
                "expected": ["the", "a"],
            }
            for at in range(PROMPTS)
        ],
    )

    report = tailguard.compare(rows(1), rows(2), suite=suite, margin=0.3)

    assert Measure.TAIL_ACCURACY in {measured.measure for measured in report.comparison.measures}
    assert {(part.slice, part.tail) for part in report.comparison.slices} == {("rare", True), ("common", False)}


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
    assert content["format"] == "tailguard-comparison/2"
    assert code == {"PASS": 0, "BLOCK": 3}.get(content["verdict"], 4)
    assert b"<script>" not in html.read_bytes()
    assert b"&lt;script&gt;" in html.read_bytes()
    assert page(content) == html.read_bytes()


def test_the_text_and_the_page_name_measures_and_unusable_answers_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parent = write_jsonl(tmp_path / "parent.jsonl", rows())
    refusing = changed(
        lambda at, row: f"I'm sorry, but I cannot help with {at}." if at % 3 == 0 else str(row["output"])
    )
    candidate = write_jsonl(tmp_path / "candidate.jsonl", refusing)
    html = tmp_path / "report.html"

    run(["compare", str(parent), str(candidate), "--html", str(html)])

    text, shown = capsys.readouterr().out, html.read_text()
    for words in ("usable answers", "rare words, word for word", "33.3% refusals", "3 points"):
        assert words in text
    assert "<td>refusals<td" in shown
    assert "I&#39;m sorry, but I cannot help with 0." in shown
    assert "rare_density" not in text + shown


def test_the_same_input_gives_the_same_report() -> None:
    assert (
        tailguard.compare(rows(1), rows(2), seed=3).content() == tailguard.compare(rows(1), rows(2), seed=3).content()
    )


@pytest.mark.parametrize(
    ("row", "message"),
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
def test_bad_rows_are_named_by_file_and_line(tmp_path: Path, row: object, message: str) -> None:
    good = {"prompt_id": 0, "prompt": "p\u2028q", "output": "text"}
    line = json.dumps(good, ensure_ascii=False).encode()
    file = write_jsonl(tmp_path / "answers.jsonl", [line, b"", row])

    with pytest.raises(InputError) as error:
        tailguard.compare(file, file)

    assert "answers.jsonl " + message in str(error.value)


def test_missing_files_and_margins_out_of_range_are_input_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = write_jsonl(tmp_path / "there.jsonl", rows()[:4])

    assert run(["compare", str(there), str(tmp_path / "gone.jsonl")]) == 1
    assert run(["compare", str(there), str(tmp_path / "gone.parquet")]) == 1
    assert run(["compare", str(there), str(there), "--margin", "2"]) == 1
    assert "gone.jsonl cannot be read" in capsys.readouterr().err
