"""Mixing, measured beside its peers, on one core: python -m bench.mixing DATA [--part PART]

Peers get an environment of their own under bench/.environments, since their pins clash with ours.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.processes import environment, printed
from tailguard.composing.ceiling import WHOLE, Candidates, Mass, fill
from tailguard.composing.ranking import keys
from tailguard.store.files import Store

PACKAGES = {
    "mixing": (
        "datatrove",
        "spacy",
        "nltk",
        "regex",
        "rensa",
        "gaoya",
        "datasketch",
        "polars",
        "duckdb",
        "pyarrow",
        "dvc",
    ),
    "nemo": ("nemo-curator",),
}
TIMES = 5
DOCUMENTS, BYTES = 100_000, 740


def main() -> None:
    works: dict[str, Callable[[Path, Table], None]] = {
        "rules": rules, "duplicates": duplicates, "compose": composing, "memory": memory, "snapshot": snapshots,
        "score": scoring, "check": checking,
    }  # fmt: skip
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder of labelled texts")
    parser.add_argument("--part", action="append", choices=[*works], help="measure only this; may be repeated")
    asked = parser.parse_args()
    os.sched_setaffinity(0, {0})
    os.environ |= {"POLARS_MAX_THREADS": "1", "RAYON_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    table = Table("figure", "measured", "goal", title=f"one of {os.cpu_count()} cores, Python {sys.version.split()[0]}")
    for name in asked.part or works:
        works[name](asked.data, table)
    Console(width=140).print(table)


def median(work: Callable[[], object], times: int = TIMES) -> float:
    """CPU seconds, the median of some runs after one to warm up."""
    work()
    taken = []
    for _ in range(times):
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return statistics.median(taken)


def texts(data: Path, count: int, size: int) -> list[str]:
    """Real texts cut to `size` characters, in a fixed order; repeated pieces of long ones where there are too few."""
    whole = pd.concat(
        [pd.read_parquet(path, columns=["text"]) for path in sorted((data / "detection").glob("*.parquet"))]
    )
    pieces = [
        text[at : at + size] for text in whole["text"] for at in range(0, len(text), size) if len(text) - at > size / 2
    ]
    random.Random(0).shuffle(pieces)  # noqa: S311  a fixed order, not a secret
    return pieces[:count]


def peer(code: str, *arguments: object, name: str = "mixing") -> Any:
    """What a peer's script prints as JSON in its last line."""
    python = environment(name, PACKAGES[name]) / "python"
    return json.loads(printed(python, "-W", "ignore", "-c", _COMMON + code, *arguments).splitlines()[-1])


_COMMON = """
import json, statistics, sys, time
def median(work, times=3):
    work(); taken = []
    for _ in range(times):
        begin = time.process_time(); work(); taken.append(time.process_time() - begin)
    return statistics.median(taken)
"""


# Quality rules


def rules(data: Path, table: Table) -> None:
    """All thirty rules beside datatrove's chain, with its own tokenizer and with white space as here."""
    from tailguard.policy.model import Quality
    from tailguard.quality.rules import failing

    some = texts(data, 20_000, BYTES)
    ours = len(some) / median(lambda: failing(some, Quality()))
    table.add_row(f"thirty rules, texts of {BYTES} bytes a second", f"{ours:,.0f}", "")
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "texts.json"
        file.write_text(json.dumps(some[:2000]))
        for tokens, spacy in (("its spaCy tokenizer", 1), ("white space", 0)):
            found = peer(_DATATROVE, file, spacy)
            table.add_row(
                f"... times datatrove's Gopher + C4 + FineWeb chain ({tokens}: {found:,.0f}/s)",
                f"{ours / found:.0f}x",
                "150x" if spacy else "",
            )

        found = peer(_NEMO, file, name="nemo")
        table.add_row(f"... times NeMo Curator's 19 heuristics ({found:,.0f}/s)", f"{ours / found:.0f}x", "25x")


_NEMO = """
from nemo_curator.stages.text.filters.heuristic import string
from nemo_curator.stages.text.filters.heuristic.repetition import repetition
names = ("NonAlphaNumeric", "SymbolsToWords", "Numbers", "Urls", "Bullets", "WhiteSpace", "Parentheses", "LongWord", "WordCount",
         "MeanWordLength", "Punctuation", "Ellipsis", "CommonEnglishWords", "WordsWithoutAlphabets", "BoilerPlateString")
filters = [getattr(string, name + "Filter")() for name in names]
filters += [getattr(repetition, name + "Filter")() for name in
            ("RepeatedLines", "RepeatedParagraphs", "RepeatedLinesByChar", "RepeatedParagraphsByChar")]
texts = json.load(open(sys.argv[1]))
def work():
    for text in texts:
        for rule in filters: rule.keep_document(rule.score_document(text))
print(json.dumps(len(texts) / median(work)))
"""

_DATATROVE = """
from datatrove.data import Document
from datatrove.pipeline.filters import c4_filters, fineweb_quality_filter, gopher_quality_filter, gopher_repetition_filter
import re
texts = json.load(open(sys.argv[1]))
if sys.argv[2] == "0":
    for module in (gopher_quality_filter, gopher_repetition_filter, fineweb_quality_filter):
        module.split_into_words = lambda text, language: text.split()
    c4_filters.split_into_sentences = lambda text, language: re.split(r"(?<=[.!?]) (?! )", text)
else:
    texts = texts[:500]
chain = [gopher_repetition_filter.GopherRepetitionFilter(), gopher_quality_filter.GopherQualityFilter(),
         c4_filters.C4QualityFilter(), fineweb_quality_filter.FineWebQualityFilter()]
def work():
    for text in texts:
        for rule in chain:  # every filter on every text, as here: a chain that stops early measures less
            rule.filter(Document(text=text, id="0"))
print(json.dumps(len(texts) / median(work)))
"""


# Near-duplicates


def duplicates(data: Path, table: Table) -> None:
    """A hundred thousand documents with planted near-duplicates, 128 bins or permutations, threshold .8."""
    from tailguard.quality.duplicates import NONE, near_duplicates, signatures

    documents = texts(data, DOCUMENTS - 2000, BYTES)
    planted = _planted(documents[:2000])
    everything = [*documents, *planted]
    table.add_row("near-duplicates: documents", f"{len(everything):,}", "100,000")
    order = np.arange(len(everything))

    def work() -> NDArray[np.int64]:
        return near_duplicates(signatures(everything), order, standing=0, threshold=0.8)

    ours = median(work, 3)
    found = work()
    recall = float(np.mean(found[len(documents) :] != NONE))
    table.add_row("... seconds; recall of planted pairs", f"{ours:.2f}; {recall:.3f}", "")
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "texts.json"
        file.write_text(json.dumps(everything))
        beyond = float(printed(sys.executable, "-c", _OURS_MEMORY, file))
        table.add_row("... memory beyond the texts themselves", f"{beyond:.0f} MB", "400 MB")
        for package, goal in (("rensa", "8x"), ("gaoya", "8x"), ("datasketch", "40x")):
            seconds, its_recall = peer(_MINHASH, file, package, len(documents))
            table.add_row(
                f"... times {package} ({seconds:.1f} s, recall {its_recall:.3f})", f"{seconds / ours:.1f}x", goal
            )


def _planted(documents: list[str]) -> list[str]:
    """Each with one of its words in forty replaced."""
    rng = random.Random(1)  # noqa: S311  a sample, not a secret
    found = []
    for text in documents:
        words = text.split()
        for place in rng.sample(range(len(words)), max(1, len(words) // 80)):
            words[place] = "changed"
        found.append(" ".join(words))
    return found


_OURS_MEMORY = """
import json, sys
import numpy as np
sys.path.insert(0, "core")
from tailguard.quality.duplicates import near_duplicates, signatures
texts = json.load(open(sys.argv[1]))
near_duplicates(signatures(texts[:10]), np.arange(10), standing=0, threshold=0.8)
def kilobytes(name):
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith(name)))
open("/proc/self/clear_refs", "w").write("5")  # the peak so far is forgotten
before = kilobytes("VmRSS")
near_duplicates(signatures(texts), np.arange(len(texts)), standing=0, threshold=0.8)
print((kilobytes("VmHWM") - before) / 1024)
"""

_MINHASH = """
texts = json.load(open(sys.argv[1])); planted = int(sys.argv[3])
def shingles(text):
    words = text.lower().split()
    return [" ".join(words[at:at + 5]) for at in range(max(1, len(words) - 4))]
def rensa_():
    from rensa import RMinHash, RMinHashLSH
    index, found = RMinHashLSH(threshold=0.8, num_perm=128, num_bands=16), set()
    kept = {}
    for at, text in enumerate(texts):
        sketch = RMinHash(num_perm=128, seed=1); sketch.update(shingles(text))
        if any(sketch.jaccard(kept[other]) >= 0.8 for other in index.query(sketch)): found.add(at)
        else: index.insert(at, sketch); kept[at] = sketch
    return found
def gaoya_():
    from gaoya.minhash import MinHashStringIndex
    index = MinHashStringIndex(hash_size=32, jaccard_threshold=0.8, num_bands=16, band_size=8, num_hashes=128,
                               analyzer="word", lowercase=True, ngram_range=(5, 5))
    found = set()
    for at, text in enumerate(texts):
        if index.query(text): found.add(at)
        else: index.insert_document(at, text)
    return found
def datasketch_():
    from datasketch import MinHash, MinHashLSH
    index, found = MinHashLSH(threshold=0.8, num_perm=128), set()
    for at, text in enumerate(texts):
        sketch = MinHash(num_perm=128); sketch.update_batch([shingle.encode() for shingle in shingles(text)])
        if index.query(sketch): found.add(at)
        else: index.insert(at, sketch)
    return found
work = {"rensa": rensa_, "gaoya": gaoya_, "datasketch": datasketch_}[sys.argv[2]]
begin = time.process_time(); found = work(); seconds = time.process_time() - begin
print(json.dumps([seconds, sum(at >= planted for at in found) / (len(texts) - planted)]))
"""


# Composition


def _pool(size: int) -> tuple[Candidates, Mass]:
    """Candidates as intake and scoring leave them: digests, shares, tokens, priorities, slices; and the human base."""
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 2**64, (size, 2), dtype=np.uint64)
    tokens = rng.integers(20, 400, size)
    human = size * 7 // 15
    base = Mass(human, human * 200)
    return Candidates(
        np.full(size, WHOLE), tokens, keys(rng.random(size).round(3), ids), ids, rng.integers(0, 10, size)
    ), base


def composing(data: Path, table: Table) -> None:
    """A fifth of a million records under a ceiling, stratified, with quotas; peers do it from texts and from key columns."""
    sizes = (10**5, 10**6, 10**7)
    taken = []
    for size in sizes:
        found, base = _pool(size)
        quotas = dict.fromkeys(range(10), 0.15)
        taken.append(median(partial(fill, found, base, ceiling=0.3, quotas=quotas)))
        if size == 10**6:
            plain = median(partial(fill, found, base, ceiling=0.3, quotas={}))
    table.add_row("planning a million records under a ceiling: ms", f"{plain * 1000:.0f}", "40")
    table.add_row("... with quotas for ten slices: ms", f"{taken[1] * 1000:.0f}", "")
    table.add_row("... ten million, with quotas: ms", f"{taken[2] * 1000:.0f}", "")
    table.add_row(
        "... exponent from 10^5 to 10^7 records", f"{np.polyfit(np.log(sizes), np.log(taken), 1)[0]:.2f}", "1"
    )
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "pool.parquet"
        _texts_table(data, 10**6, file)
        for package in ("polars", "duckdb"):
            seconds = peer(_SELECT, file, package)
            table.add_row(
                f"... times {package} doing the same from text ({seconds:.2f} s)", f"{seconds / taken[1]:.0f}x", "25x"
            )


def _texts_table(data: Path, size: int, file: Path) -> None:
    some = texts(data, 20_000, 300)
    rng = np.random.default_rng(0)
    with pq.ParquetWriter(
        file, pa.schema([("text", pa.string()), ("slice", pa.int64()), ("priority", pa.float64())])
    ) as out:
        for begin in range(0, size, 100_000):
            rows = [f"{some[at % len(some)]} {at}" for at in range(begin, begin + 100_000)]
            out.write_table(
                pa.table(
                    {"text": rows, "slice": rng.integers(0, 10, 100_000), "priority": rng.random(100_000).round(3)}
                )
            )


_SELECT = """
file, package = sys.argv[1:3]
def with_polars():
    import polars as pl
    rows = pl.read_parquet(file).with_columns(pl.col("text").hash().alias("id"),
                                              pl.col("text").str.split(" ").list.len().alias("tokens"))
    rows = rows.unique("id").sort(["priority", "id"], descending=[True, False])
    rows = rows.with_columns(pl.int_range(pl.len()).over("slice").alias("place")).filter(pl.col("place") < 30000)
    return rows.with_columns(pl.col("tokens").cum_sum().alias("sum")).filter((pl.col("sum") <= 40_000_000)).head(200_000).height
def with_duckdb():
    import duckdb
    return duckdb.connect(config={"threads": 1}).execute('''
      WITH t AS (SELECT hash(text) AS id, len(string_split(text, ' ')) AS tokens, slice, priority FROM read_parquet(?)),
      r AS (SELECT DISTINCT ON (id) * FROM t),
      p AS (SELECT *, row_number() OVER (PARTITION BY slice ORDER BY priority DESC, id) AS place FROM r),
      c AS (SELECT *, sum(tokens) OVER (ORDER BY priority DESC, id) AS total FROM p WHERE place <= 30000)
      SELECT count(*) FROM (SELECT * FROM c WHERE total <= 40000000 LIMIT 200000)''', [file]).fetchone()[0]
print(json.dumps(median({"polars": with_polars, "duckdb": with_duckdb}[package])))
"""


def memory(_data: Path, table: Table) -> None:
    """Ten million records planned in one process."""
    code = (
        "import resource, sys; sys.path.insert(0, 'core'); from bench.mixing import _pool; "
        "from tailguard.mixing.ceiling import fill; "
        "found, base = _pool(10**7); fill(found, base, ceiling=.3, quotas={}); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)"
    )
    used = float(printed(sys.executable, "-c", code))
    table.add_row("ten million records planned: memory", f"{used:.2f} GiB", "4 GB")


# Snapshots


def snapshots(data: Path, table: Table) -> None:
    """Compose a set whose training file has 460 MB; what `dvc add` costs for the same file, new and unchanged."""
    from tailguard.domain.records import SCORED
    from tailguard.domain.requests import Recipe
    from tailguard.stages.compose import Ceiling, Trust, compose

    with tempfile.TemporaryDirectory() as name:
        store = Store(Path(name) / "store")
        scored = _scored(data, store, SCORED, 380_000)
        begin = time.process_time()
        made = compose(
            scored, run="b/0", lineage="b", store=store, anchor=None, previous=None, recipe=Recipe(),
            ceiling=Ceiling(0.3, "ratio", {}), max_human_loss=0.2, trust=Trust({}, 0.01), mode="observe", policy="p", seed=0,
            version="bench",
        )  # fmt: skip
        first = time.process_time() - begin
        manifest = store.json("snapshots", made.result["snapshot"])
        size = store.path("training", manifest["content"], ".jsonl").stat().st_size
        table.add_row(f"a snapshot with a training file of {size / 1e6:.0f} MB: CPU seconds", f"{first:.2f}", "")
        added, again = _dvc(store.path("training", manifest["content"], ".jsonl"), Path(name) / "dvc")
        table.add_row(
            f"... `dvc add` of that file: {added:.2f} s, unchanged {again:.2f} s", f"{added / first:.2f}x", "10x"
        )


def scoring(data: Path, table: Table) -> None:
    """Two hundred thousand records through the whole of stage 2, in a process of its own."""
    code = (
        "import resource, sys, time; sys.path.insert(0, 'core'); from pathlib import Path; from bench.mixing import score_some; "
        "seconds = score_some(Path(sys.argv[1]), int(sys.argv[2])); "
        "print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10)"
    )
    found = []
    for count in (20_000, 200_000):
        found.append([float(figure) for figure in printed(sys.executable, "-c", code, data, count).split()])
    rate = 180_000 / (found[1][0] - found[0][0])
    table.add_row("stage 2, records of 800 bytes a second", f"{rate:,.0f}", "")
    table.add_row(
        "... memory a record, beyond the first 20,000",
        f"{(found[1][1] - found[0][1]) * 2**20 / 180_000:,.0f} bytes",
        "",
    )


def score_some(data: Path, count: int) -> float:
    """Seconds of CPU that scoring so many human records takes."""
    from tailguard.composing.ceiling import Mass
    from tailguard.domain.records import RECORD
    from tailguard.policy.model import Compose, Quality, Score
    from tailguard.stages.score import Base, Filter, score

    with tempfile.TemporaryDirectory() as name:
        store = Store(Path(name) / "store")
        records = _scored(data, store, RECORD, count, kind="records")
        rules = Filter(Quality(), Score(), Compose(), "slice", {}, frozenset({"collapse", "tail", "rare"}), 0.3, {})
        base = Base((), Mass(0, 0), None, np.zeros((1, 1), np.float32))
        begin = time.process_time()
        score(records, run="b/0", store=store, base=base, sources={}, rules=rules, seed=0, progress=lambda _: None)
        return time.process_time() - begin


def _scored(data: Path, store: Store, schema: pa.Schema, count: int, kind: str = "scored") -> str:
    from tailguard.domain.records import record_id

    some = texts(data, 20_000, 800)
    with store.table_writer(kind, schema) as out:
        for begin in range(0, count, 20_000):
            rows = []
            for at in range(begin, min(count, begin + 20_000)):
                text = f"{some[at % len(some)]} {at}"
                rows.append(
                    {
                        "id": record_id(text),
                        "text": text,
                        "source": "s",
                        "batch": "b" * 64,
                        "declared": "human",
                        "declared_by": "batch",
                        "origin": "human",
                        "evidence": "declaration",
                        "reason": "declared human",
                        "by": "batch",
                        "held": False,
                        "share": 0.0,
                        "spans": "",
                        "score": 0.0,
                        "tokens": text.count(" ") + 1,
                        "meta": "",
                        "tag_digest": "0" * 32,
                        "quality": 1.0,
                        "diversity": 0.0,
                        "reliability": 1.0,
                        "priority": 0.5,
                        "slice": "all",
                        "explanation": "{}",
                        "outcome": "kept",
                        "outcome_reason": "human",
                        "position": 0,
                        "running_ratio": 0.0,
                    }
                )
            out.write(pa.Table.from_pylist(rows, schema=schema))
    return str(out.digest)


def _dvc(file: Path, folder: Path) -> tuple[float, float]:
    folder.mkdir()
    dvc = (environment("mixing", PACKAGES["mixing"]) / "python", "-m", "dvc")
    printed(*dvc, "init", "--no-scm", "-q", cwd=folder)
    os.link(file, folder / "training.jsonl")
    taken = []
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        printed(*dvc, "add", "-q", "training.jsonl", cwd=folder)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return taken[0], taken[1]


# Clearance


def checking(_data: Path, table: Table) -> None:
    """`tailguard check` from a cold process, on a log with a year of two lineages."""
    from bench.__main__ import _snapshot, seconds

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "demo"
        printed(sys.executable, "-m", "tailguard.cli", "demo", "--no-dashboard", "--json", "--dir", folder)
        asked = [
            str(Path(sys.executable).with_name("tailguard")),
            "check",
            "-w",
            str(folder),
            "-l",
            "guarded",
            "-s",
            _snapshot(folder),
        ]
        table.add_row("`tailguard check`, cold start included", f"{seconds(asked):.2f} s", "0.5 s")


if __name__ == "__main__":
    main()
