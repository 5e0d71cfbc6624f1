"""Broken inputs made from good ones, for the readers and the quarantine import."""

from __future__ import annotations

import gzip
import io
import json
import random
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
from rich.console import Console

from tailguard.adapters.readers import WHOLE, reader_for
from tailguard.errors import InputError
from tailguard.plays.provenance.exchange import Answered, read_answers
from tailguard.ports import RawRecord

GOOD = "a good record that must not be lost"


def readers_and_import(count: int, *, seed: int) -> tuple[int, int]:
    """How many of `count` inputs crashed, and in how many the good record was lost without a word."""
    rng = random.Random(seed)  # noqa: S311  noise, not a secret
    crashed = lost = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            kind = number % 6
            path = Path(folder) / ("x.jsonl", "x.csv", "x.parquet", "x.jsonl.gz", "answers", "x.arrow")[kind]
            content, keeps = _made(kind, rng)
            path.write_bytes(content)
            try:
                if kind == 4:
                    found = any(
                        isinstance(answer, Answered) and answer.record == "good" for answer in read_answers(path)
                    )
                else:
                    rows = list(reader_for(str(path))(str(path), WHOLE))
                    found = any(isinstance(row, RawRecord) and row.text == GOOD for row in rows)
            except InputError:
                found = False
            except Exception as error:
                crashed += 1
                Console(stderr=True).print(path.name, type(error).__name__, error, markup=False)
                continue
            lost += keeps and not found
    return crashed, lost


def _made(kind: int, rng: random.Random) -> tuple[bytes, bool]:
    """A broken file, and whether its good record stands apart from what is broken, so that it has to be read."""
    if kind == 0:
        return b"".join([_noise(rng), b"\n", json.dumps({"text": GOOD}).encode(), b"\n", _noise(rng)]), True
    if kind == 1:
        junk = _noise(rng).replace(b'"', b"'")
        return b"\n".join([b"text,origin", junk, f'"{GOOD}",human'.encode(), _noise(rng)]), True
    if kind == 3:
        whole = gzip.compress(b"".join([json.dumps({"text": GOOD}).encode() + b"\n", _noise(rng) * 50]))
        return _broken(whole, rng), False
    if kind == 4:
        rows = [_value(rng, 3) for _ in range(rng.randrange(4))]
        rows.append({"id": "good", "responses": {"origin": [{"value": "human"}]}})
        return json.dumps(rows).encode(), True
    table = pa.table({"text": [GOOD, "other"] * 20, "origin": ["human", None] * 20})
    sink = io.BytesIO()
    if kind == 2:
        pq.write_table(table, sink, row_group_size=4)
    else:
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
    return _broken(sink.getvalue(), rng), False


def _noise(rng: random.Random) -> bytes:
    pieces = (
        b'{"text": ',
        b'"',
        b"{",
        b"}",
        b"[",
        b"\\",
        b"\x00",
        b"\xff",
        b",",
        b"'",
        b"null",
        b'{"text": "x", "origin": 7}',
        b"\xed\xa0\x80",
    )
    return b"".join(
        rng.choice(pieces) if rng.random() < 0.8 else rng.randbytes(4).replace(b"\n", b"")
        for _ in range(rng.randrange(1, 30))
    )


def _broken(content: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        return content[: rng.randrange(len(content))]
    changed = bytearray(content)
    for _ in range(rng.randrange(1, 6)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _value(rng: random.Random, depth: int) -> object:
    keys = ("id", "data", "annotations", "responses", "origin", "result", "value", "choices", "text")
    kind = rng.randrange(7 if depth else 5)
    if kind == 5:
        return [_value(rng, depth - 1) for _ in range(rng.randrange(3))]
    if kind == 6:
        return {rng.choice(keys): _value(rng, depth - 1) for _ in range(rng.randrange(4))}
    return (None, True, rng.random(), "text", rng.randrange(-9, 9))[kind]
