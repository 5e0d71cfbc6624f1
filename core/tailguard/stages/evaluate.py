"""Stage 4b, evaluate: the new generation answers the frozen suite, and its answers are logged as our own output."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from tailguard.detection.own_outputs.segments import keep_segment
from tailguard.domain.facts import Evaluation, OutputsLogged, TokensUsed
from tailguard.domain.records import token_count
from tailguard.domain.stages import Criterion, Named, Outcome
from tailguard.domain.suite import Check
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
    tables = [
        pa.Table.from_pylist(
            [
                {
                    "prompt_id": item.id,
                    "sample": number,
                    "text": text,
                    "score": judge(item.check, text) if item.check else None,
                }
                for item, answers in zip(items, side, strict=True)
                for number, text in enumerate(answers)
            ],
            schema=OUTPUT,
        )
        for side in (first, second)
    ]
    outputs, again = (store.put_table("outputs", table) for table in tables)
    texts = tables[0]["text"].to_pylist()
    whole = [f"{item.prompt} {answer}" for item, answers in zip(items, first, strict=True) for answer in answers]
    fingerprints = keep_segment(store, [text for text in (*texts, *whole) if text.strip()])
    lengths = [token_count(text) for text in texts]
    complete = all(len(answers) == decoding.samples for side in (first, second) for answers in side)
    empty = sum(not length for length in lengths) / max(1, len(lengths))
    cost = generator.usage if isinstance(generator, Metered) else None
    return Outcome(
        result={"outputs": outputs, "again": again, "suite": suite, "decoding": str(decoding)},
        criteria=(
            Criterion(
                "the suite has a rare-case slice",
                "at least 1 tail prompt",
                f"{sum(i.tail for i in items)}",
                any(i.tail for i in items),
            ),
            Criterion(
                "every prompt is answered",
                f"{decoding.samples} samples each",
                "complete" if complete else "incomplete",
                complete,
            ),
        ),
        inputs=(Named("weights", "", weights), Named("suites", "", suite)),
        outputs=(Named("outputs", "", outputs), Named("outputs", "other seed", again)),
        facts=(
            Evaluation(
                run,
                suite,
                outputs,
                str(decoding),
                len(items),
                decoding.samples,
                sum(lengths) / max(1, len(lengths)),
                empty,
            ),
            OutputsLogged(run, "evaluation", len(texts), fingerprints),
            *([TokensUsed(run, "evaluation", cost.prompt_tokens, cost.completion_tokens)] if cost else []),
        ),
        records_in=len(items),
        records_out=len(texts),
    )
