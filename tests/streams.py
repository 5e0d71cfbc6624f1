"""Weeks of production texts, by a small model and by one that has lost its rare words."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from tailguard.adapters.trainers import ngram
from tests.builders import passages, write_jsonl


@cache
def model() -> ngram.NgramModel:
    return ngram.fit(passages()[:1200])


@cache
def worse_model() -> ngram.NgramModel:
    return ngram.fit(ngram.sample(model(), [""] * 600, max_tokens=60, temperature=0.8, seed=9))


def written(folder: Path, name: str, *, seed: int, texts: int = 600, worse: bool = False, week: int = 0) -> str:
    day = datetime(2026, 3, 2) + timedelta(weeks=week)
    rows = [
        {"text": text, "time": (day + timedelta(minutes=at)).isoformat()}
        for at, text in enumerate(
            ngram.sample(worse_model() if worse else model(), [""] * texts, max_tokens=60, temperature=1.0, seed=seed)
        )
        if text
    ]
    return str(write_jsonl(folder / name, rows))
