"""Reads what a model answered: JSONL or Parquet with a row a sample, and a suite's items, for whoever has no workspace.

A row of answers has `prompt_id` (or `id`), `prompt` and `output`; optionally `slice`, `tail` (true or false), `score` (0 to 1)
and `decoding` (how it was drawn). Several rows of one prompt are its samples, in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from tailguard.adapters.checkers import judge, read_check
from tailguard.adapters.readers.jsonl import numbered_objects
from tailguard.diversity.outputs import Outputs
from tailguard.domain.suite import Check
from tailguard.domain.wording import counted
from tailguard.errors import InputError

_SHOWN = 5


def read_answers(path: Path, *, suite: Path | None) -> Outputs:
    """The answers in a file. With a suite, its slices, tail prompts and checkers are those that count.

    Raises InputError naming file, line, what was expected and what was found, for the first five lines that are wrong.
    """
    rows = _parquet(path) if path.suffix == ".parquet" else numbered_objects(path)
    return answers_of(rows, where=str(path), suite=suite)


def answers_of(rows: Mapping[int, Mapping[str, object]], *, where: str, suite: Path | None) -> Outputs:
    """The same of rows that were read already, by line number."""
    wrong: list[str] = []
    answers: dict[str, list[str]] = {}
    prompts: dict[str, str] = {}
    slices: dict[str, str] = {}
    scores: dict[str, list[float]] = {}
    tail: set[str] = set()
    decodings: set[str] = set()
    for line, row in rows.items():
        problem = _problem(row)
        identity, prompt = str(row.get("prompt_id", row.get("id"))), row.get("prompt")
        if not problem and identity in prompts and prompts[identity] != prompt:
            problem = f"prompt id {identity!r} has another prompt than in an earlier line"
        if problem:
            wrong.append(f"{where} line {line}: {problem}.")
            continue
        answers.setdefault(identity, []).append(str(row["output"]))
        prompts[identity] = str(prompt)
        slices[identity] = str(row.get("slice") or "all")
        if row.get("tail"):
            tail.add(identity)
        if isinstance(row.get("score"), int | float):
            scores.setdefault(identity, []).append(float(row["score"]))  # type: ignore[arg-type]
        decodings.add(str(row.get("decoding") or ""))
    if wrong:
        more = f"\n... and {len(wrong) - _SHOWN} more." if len(wrong) > _SHOWN else ""
        raise InputError("\n".join(wrong[:_SHOWN]) + more)
    partly = [prompt_id for prompt_id, values in scores.items() if len(values) != len(answers[prompt_id])]
    if partly:
        raise InputError(
            f"{where}: prompt id {partly[0]!r} has a score for {len(scores[partly[0]])} of its {len(answers[partly[0]])} answers "
            f"({len(partly)} such prompts). Score all answers to a prompt, or none."
        )
    if not answers:
        raise InputError(f"{where} has no answers. A row has prompt_id, prompt and output.")
    outputs = Outputs(
        {prompt_id: tuple(texts) for prompt_id, texts in answers.items()},
        frozenset(tail),
        "",
        "; ".join(sorted(decodings)),
        prompts,
        slices,
        {prompt_id: tuple(values) for prompt_id, values in scores.items()},
    )
    return _on_suite(outputs, suite, where) if suite else outputs


def _problem(row: Mapping[str, object]) -> str | None:
    identity = row.get("prompt_id", row.get("id"))
    if identity is None or isinstance(identity, bool) or str(identity) == "":
        return "expected `prompt_id`, found none"
    for name in ("prompt", "output"):
        if not isinstance(row.get(name), str):
            return f"expected `{name}` with a text, found {row.get(name)!r}"
    score = row.get("score")
    if score is not None and (not isinstance(score, int | float) or not 0 <= score <= 1):
        return f"expected `score` from 0 to 1, found {score!r}"
    if row.get("tail") not in (None, True, False):
        return f"expected `tail` true or false, found {row.get('tail')!r}"
    return None


def _on_suite(outputs: Outputs, suite: Path, where: str) -> Outputs:
    items = read_items(suite)
    strange = sorted(outputs.answers.keys() - items.keys())
    if strange:
        raise InputError(
            f"{where} answers {counted(len(strange), 'prompt that is', 'prompts that are')} not in {suite}: "
            f"{', '.join(strange[:5])}. "
            "Ids in both files must be the same."
        )
    other = [
        prompt_id for prompt_id in outputs.answers if str(items[prompt_id]["prompt"]) != outputs.prompts[prompt_id]
    ]
    if other:
        raise InputError(
            f"{where}: prompt {other[0]!r} is not the one that {suite} has under that id ({len(other)} differ)."
        )
    scores = dict(outputs.scores)
    for prompt_id, texts in outputs.answers.items():
        check = items[prompt_id]["check"]
        if isinstance(check, Check) and prompt_id not in scores:
            scores[prompt_id] = tuple(judge(check, text) for text in texts)
    return Outputs(
        outputs.answers,
        frozenset(prompt_id for prompt_id in outputs.answers if items[prompt_id]["tail"]),
        "",
        outputs.decoding,
        outputs.prompts,
        {prompt_id: str(items[prompt_id]["slice"]) for prompt_id in outputs.answers},
        scores,
    )


def read_items(path: Path) -> dict[str, dict[str, object]]:
    """A suite's items by id: `prompt`, `slice` (default: all), `tail` (default: false) and `check` (a Check, or None).

    An item may carry `accept`, which `tailguard suite build` leaves for a person: false leaves it out, null is refused.
    Raises InputError for a broken line, a doubled id, an item that nobody decided on, or a suite without a tail slice.
    """
    items: dict[str, dict[str, object]] = {}
    undecided = []
    for number, row in numbered_objects(path).items():
        where = f"{path} line {number}"
        prompt, tail = row.get("prompt"), row.get("tail", False)
        if not isinstance(prompt, str) or not prompt.strip() or not isinstance(tail, bool):
            raise InputError(f"{where}: expected an object with `prompt` (text) and `tail` (true or false).")
        accepted = row.get("accept", True)
        if accepted is None:
            undecided.append(number)
        elif not isinstance(accepted, bool):
            raise InputError(f"{where}: `accept` is true or false, found {accepted!r}.")
        if not accepted:
            continue
        identity = str(row.get("id", row.get("prompt_id", number)))
        if identity in items:
            raise InputError(f"{path} has prompt id {identity!r} more than once. Ids must differ.")
        items[identity] = {
            "prompt": prompt,
            "slice": str(row.get("slice", "all")),
            "tail": tail,
            "check": read_check(row, where),
        }
    if undecided:
        raise InputError(
            f"{path}: {counted(len(undecided), 'proposal waits', 'proposals wait')} for a person, first on line "
            f"{undecided[0]}. Set `accept` to true or false."
        )
    if not any(item["tail"] for item in items.values()):
        raise InputError(f"{path} has no prompt with tail = true. At least one rare-case slice is mandatory.")
    return items


def _parquet(path: Path) -> dict[int, dict[str, object]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(path).names
        wanted = [
            name
            for name in ("prompt_id", "id", "prompt", "output", "slice", "tail", "score", "decoding")
            if name in names
        ]
        rows: Iterable[dict[str, object]] = pq.read_table(path, columns=wanted).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} cannot be read as Parquet ({error}).") from error
    return dict(enumerate(rows, start=1))
