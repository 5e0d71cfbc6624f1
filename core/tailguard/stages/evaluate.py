"""Stage 4b, evaluate: the new generation answers the frozen suite, and its answers are logged as our own output."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa

from tailguard.detection.own_outputs.segments import keep_segment
from tailguard.domain.facts import Evaluation, OutputsLogged, TokensUsed
from tailguard.domain.records import token_count
from tailguard.domain.stages import Criterion, Named, Outcome, Requirement
from tailguard.domain.suite import Check, Prompt
from tailguard.ports import Decoding, Generator, Metered
from tailguard.store.files import Store
from tailguard.store.suites import read_suite

OUTPUT = pa.schema([("prompt_id", pa.string()), ("sample", pa.int64()), ("text", pa.string()), ("score", pa.float64())])
"""`score` is what the item's checker says of the answer, null for an item without one."""

Judge = Callable[[Check, str], float]


def evaluate(
    weights: str,
    *,
    run: str,
    store: Store,
    suite: str,
    generator: Generator,
    decoding: Decoding,
    judge: Judge,
    seed: int,
) -> Outcome:
    """Answer every prompt twice over: once for the comparison, once with another seed for the A/A self-test."""
    items = read_suite(store, suite).prompts
    folder = store.folder("weights", weights)
    prompts = [item.prompt for item in items]
    first, second = (
        generator.generate(folder, prompts, decoding=decoding, seed=own_seed) for own_seed in (seed, seed + 1)
    )
    tables = [_judged_answers(items, answers, judge) for answers in (first, second)]
    outputs, again = (store.put_table("outputs", table) for table in tables)
    texts = tables[0]["text"].to_pylist()
    fingerprints = _keep_fingerprints(store, items, first)
    cost = generator.usage if isinstance(generator, Metered) else None
    return Outcome(
        result={"outputs": outputs, "again": again, "suite": suite, "decoding": str(decoding)},
        criteria=(_rare_case_criterion(items), _answered_criterion((*first, *second), decoding.samples)),
        inputs=(Named("weights", "", weights), Named("suites", "", suite)),
        outputs=(Named("outputs", "", outputs), Named("outputs", "other seed", again)),
        facts=(
            _evaluation(run, suite, outputs, decoding, len(items), texts),
            OutputsLogged(run=run, purpose="evaluation", texts=len(texts), fingerprints=fingerprints),
            *(
                [
                    TokensUsed(
                        run=run,
                        purpose="evaluation",
                        prompt_tokens=cost.prompt_tokens,
                        completion_tokens=cost.completion_tokens,
                    )
                ]
                if cost
                else []
            ),
        ),
        records_in=len(items),
        records_out=len(texts),
    )


def _judged_answers(items: Sequence[Prompt], answers: Sequence[Sequence[str]], judge: Judge) -> pa.Table:
    """A row for each answer, with its score where the item has a check. `answers` has those of each item, in order."""
    return pa.Table.from_pylist(
        [
            {
                "prompt_id": item.id,
                "sample": number,
                "text": text,
                "score": judge(item.check, text) if item.check else None,
            }
            for item, samples in zip(items, answers, strict=True)
            for number, text in enumerate(samples)
        ],
        schema=OUTPUT,
    )


def _keep_fingerprints(store: Store, items: Sequence[Prompt], answers: Sequence[Sequence[str]]) -> str:
    """Log the answers as self-generated text, alone and after their prompts; returns the digest of the fingerprints."""
    answer_texts = [text for samples in answers for text in samples]
    with_prompt = [f"{item.prompt} {text}" for item, samples in zip(items, answers, strict=True) for text in samples]
    return keep_segment(store, [text for text in (*answer_texts, *with_prompt) if text.strip()])


def _rare_case_criterion(items: Sequence[Prompt]) -> Criterion:
    tail_prompts = sum(item.tail for item in items)
    return Criterion(Requirement.RARE_CASES_IN_SUITE, "at least 1 tail prompt", f"{tail_prompts}", tail_prompts > 0)


def _answered_criterion(answers: Sequence[Sequence[str]], samples: int) -> Criterion:
    complete = all(len(texts) == samples for texts in answers)
    return Criterion(
        Requirement.ALL_ANSWERED, f"{samples} samples each", "complete" if complete else "incomplete", complete
    )


def _evaluation(
    run: str, suite: str, outputs: str, decoding: Decoding, prompts: int, texts: Sequence[str]
) -> Evaluation:
    """What was answered, how long the answers are on average and how many of them are empty."""
    lengths = [token_count(text) for text in texts]
    answers = max(1, len(lengths))
    empty_share = sum(not length for length in lengths) / answers
    return Evaluation(
        run=run,
        suite=suite,
        outputs=outputs,
        decoding=str(decoding),
        prompts=prompts,
        samples_per_prompt=decoding.samples,
        mean_words=sum(lengths) / answers,
        empty_share=empty_share,
    )
