"""Provenance, measured: python -m bench.provenance DATA [--part PART]

Detection beside its peers on one core, our own output recognised among a million, intake end to end, and malformed input.
Peers get an environment of their own under bench/.environments.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numba as nb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.processes import ROOT, environment, printed

TIMES = 5
PROSE = ("news", "story", "essay")


def main() -> None:
    works = {"detection": detection, "outputs": outputs, "intake": intakes, "fuzz": fuzz}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder of labelled texts and of models' answers")
    parser.add_argument("--part", action="append", choices=[*works], help="measure only this; may be repeated")
    asked = parser.parse_args()
    table = Table("figure", "measured", "goal")
    for name in asked.part or works:
        works[name](asked.data, table)
    Console(width=140).print(table)


def median(work: Callable[[], object]) -> float:
    work()
    taken = []
    for _ in range(TIMES):
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return statistics.median(taken)


# Detection


def detection(data: Path, table: Table) -> None:
    """Throughput and AUROC beside scikit-learn and fastText, each in one process on one core."""
    from sklearn.metrics import roc_auc_score

    from bench.train_detector import families
    from tailguard.detection import scoring
    from tailguard.detection.texts import pack

    train = pd.read_parquet(data / "detection" / "train.parquet")
    train = train[train["gen_class"] != "base_lm"].reset_index(drop=True)
    test = pd.read_parquet(data / "detection" / "test_in_domain.parquet")
    test = test[test["gen_class"] != "base_lm"]
    family = np.array(families(train))
    texts = test["text"].tolist()
    size = sum(len(text.encode()) for text in texts)
    scorer = scoring.StyleScorer()
    ours = median(lambda: scorer.score(texts))
    packed = pack(texts)
    bare = median(lambda: _bare(packed.data))
    left_out = np.load(ROOT / "bench" / ".cache" / "left_out.npz")["scores"][: len(train)]
    prose = np.isin(family, PROSE)
    made = (train["label"] == "ai").to_numpy()
    aurocs = {
        "tailguard": (
            roc_auc_score(test["label"] == "ai", np.nan_to_num(scorer.score(texts))),
            roc_auc_score(made[prose], left_out[prose]),
        )
    }
    rates = {"tailguard": len(texts) / ours}
    with tempfile.TemporaryDirectory() as folder:
        frame = pd.DataFrame({"text": train["text"], "made": made, "prose": prose})
        frame.to_parquet(Path(folder) / "train.parquet")
        pd.DataFrame({"text": texts, "made": test["label"] == "ai"}).to_parquet(Path(folder) / "test.parquet")
        for name in ("sklearn", "fasttext"):
            found = json.loads(_peer(name, folder))
            rates[name] = found["rate"]
            aurocs[name] = (found["in_domain"], found["left_out"])
    table.add_row("detector: records/s on one core", f"{rates['tailguard']:,.0f} ({size / ours / 1e6:.0f} MB/s)", "")
    for name, goal in (("sklearn", "50x"), ("fasttext", "12x")):
        table.add_row(f"... beside {name} ({rates[name]:,.0f}/s)", f"{rates['tailguard'] / rates[name]:.1f}x", goal)
    table.add_row(
        "... of a bare gram-hash kernel", f"{bare / ours:.0%} of its speed ({size / bare / 1e6:.0f} MB/s)", "say"
    )
    for name, (inside, outside) in aurocs.items():
        table.add_row(f"AUROC of {name}: in domain; prose, left out", f"{inside:.3f}; {outside:.3f}", "highest")


@nb.njit(nogil=True)
def _bare(data: NDArray[np.uint8]) -> np.uint64:
    """Hashes of grams and nothing else."""
    total = np.uint64(0)
    packed = np.uint64(0)
    for byte in data:
        packed = (packed >> np.uint64(8)) | (np.uint64(byte) << np.uint64(32))
        total += (packed * np.uint64(0x27D4EB2F165667C5)) >> np.uint64(46)
        total += ((packed >> np.uint64(8)) * np.uint64(0x165667B19E3779F9)) >> np.uint64(46)
        total += ((packed >> np.uint64(16)) * np.uint64(0xC2B2AE3D27D4EB4F)) >> np.uint64(46)
    return total


_PACKAGES = ("scikit-learn==1.9.1", "pandas==3.1.1", "pyarrow==26.0.1", "fasttext-wheel")
_PEER = """
import json, statistics, sys, time, tempfile, os
import pandas as pd
from sklearn.metrics import roc_auc_score
name, folder = sys.argv[1:]
train, test = (pd.read_parquet(f"{folder}/{part}.parquet") for part in ("train", "test"))
def sklearn(some):
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import LogisticRegression
    hashed = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), n_features=2**18)
    model = LogisticRegression(C=10, max_iter=200).fit(hashed.transform(some.text), some.made)
    return lambda texts: model.decision_function(hashed.transform(texts))
def fasttext(some):
    import fasttext, numpy
    path = tempfile.mktemp()
    with open(path, "w") as file:
        for text, made in zip(some.text, some.made):
            file.write(f"__label__{int(made)} {' '.join(text.split())}\\n")
    model = fasttext.train_supervised(path, minn=3, maxn=5, epoch=5, thread=1, verbose=0)
    os.unlink(path)
    def score(texts):
        out = []
        for text in texts:
            pairs = model.f.predict(" ".join(text.split()) + "\\n", 2, 0.0, "strict")
            out.append(dict((label, chance) for chance, label in pairs).get("__label__1", 0.0))
        return out
    return score
fit = {"sklearn": sklearn, "fasttext": fasttext}[name]
whole = fit(train)
texts = test.text.tolist()
taken = []
for _ in range(5):
    begin = time.process_time(); scores = whole(texts); taken.append(time.process_time() - begin)
rest = fit(train[~train.prose])
prose = train[train.prose]
print(json.dumps({"rate": len(texts) / statistics.median(taken), "in_domain": roc_auc_score(test.made, scores),
                  "left_out": roc_auc_score(prose.made, rest(prose.text.tolist()))}))
"""


def _peer(name: str, folder: str) -> str:
    python = environment("peers", _PACKAGES) / "python"
    output = printed(python, "-c", _PEER, name, folder, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    return output.splitlines()[-1]


# Our own output


def outputs(data: Path, table: Table) -> None:
    """Recall by kind of copy, false matches, and a million outputs: memory and queries a second."""
    from tailguard.detection.own_outputs.index import own_outputs
    from tailguard.detection.own_outputs.segments import keep_segment
    from tailguard.domain.records import record_id
    from tailguard.store.files import Store

    train = pd.read_parquet(data / "detection" / "train.parquet")
    sharing = ("fastdetectgpt", "glimpse", "refchecker", "outfox")  # continue or quote human texts of the same file
    ours = train[(train["label"] == "ai") & ~train["dataset"].isin(sharing)]["text"].drop_duplicates().tolist()
    for path in sorted((data / "generations").glob("*.parquet")):
        ours += [text for text in pd.read_parquet(path)["output"] if text.strip()]
    human = train[(train["label"] == "human") & (train["dataset"] != "outfox")]["text"].drop_duplicates().tolist()
    rng = random.Random(0)  # noqa: S311  a sample, not a secret
    vocabulary = [word for text in human[:500] for word in text.split()]
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        own = own_outputs(store, [("main/0", keep_segment(store, ours))], store.root / "cache", anchor=None)

        def matched(texts: list[str]) -> int:
            return sum(match is not None for match in own.match(texts, [record_id(text) for text in texts]))

        def share(texts: list[str]) -> float:
            return matched(texts) / len(texts)

        some = rng.sample(ours, 5000)
        table.add_row("own output: recall, exact", f"{share(ours):.4f}", "1.0")
        table.add_row(
            "... a tenth of the words edited", f"{share([_edited(text, rng, vocabulary) for text in some]):.4f}", ".99"
        )
        long = [text for text in some if len(text.split()) >= 60]
        around = [" ".join(human[at : at + 4]).split()[:450] for at in range(0, 4 * len(long), 4)]
        planted = [_planted(text, words, rng) for text, words in zip(long, around, strict=False) if len(words) == 450]
        table.add_row("... 50 words of it among 500", f"{share(planted):.4f} of {len(planted):,}", ".9")
        table.add_row("... human texts called ours", f"{matched(human)} of {len(human):,}", "1 in 10,000")
    for row in json.loads(printed(sys.executable, "-c", "from bench.provenance import million; million()")):
        table.add_row(*row)


def _edited(text: str, rng: random.Random, vocabulary: list[str]) -> str:
    words: list[str] = []
    for word in text.split():
        if rng.random() < 0.1:
            words += ([rng.choice(vocabulary)], [], [word, rng.choice(vocabulary)])[rng.randrange(3)]
        else:
            words.append(word)
    return " ".join(words)


def _planted(text: str, around: list[str], rng: random.Random) -> str:
    words = text.split()
    start, at = rng.randrange(len(words) - 50), rng.randrange(len(around))
    return " ".join([*around[:at], *words[start : start + 50], *around[at:]])


def million(count: int = 1_000_000) -> None:
    """A million sampled outputs of about 120 words: made, remembered, merged and queried in this process."""
    from tailguard.detection.own_outputs.index import own_outputs
    from tailguard.detection.own_outputs.segments import MOST_TEXTS, keep_segment
    from tailguard.domain.records import record_id
    from tailguard.store.files import Store

    rng = np.random.default_rng(0)
    vocabulary = np.array([f"w{number}" for number in range(30_000)])
    chances = 1 / np.arange(1, len(vocabulary) + 1)
    chances /= chances.sum()

    def some(size: int) -> list[str]:
        drawn = vocabulary[rng.choice(len(vocabulary), size=(size, 120), p=chances)]
        return [" ".join(row) for row in drawn]

    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        logged = []
        begin = time.perf_counter()
        kept: list[str] = []
        for start in range(0, count, MOST_TEXTS):
            texts = some(min(MOST_TEXTS, count - start))
            logged.append((f"main/{start}", keep_segment(store, texts)))
            kept = texts
        made = time.perf_counter() - begin
        begin = time.perf_counter()
        own = own_outputs(store, logged, store.root / "cache", anchor=None)
        merged = time.perf_counter() - begin
        asked = [*kept[:5000], *some(15_000)]
        ids = [record_id(text) for text in asked]
        own.match(asked[:100], ids[:100])
        begin = time.process_time()
        found = own.match(asked, ids)
        rate = len(asked) / (time.process_time() - begin)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    copies = sum(match is not None for match in found)
    rows = (
        ("a million outputs: drawn and remembered; merged", f"{made:.0f} s; {merged:.0f} s", ""),
        ("... memory, everything", f"{peak:.2f} GiB", "1 GB"),
        (f"... queries a second and core ({copies:,} of 5,000 copies found)", f"{rate:,.0f}", "5,000"),
    )
    sys.stdout.write(json.dumps(rows))


# Intake


def intakes(_: Path, table: Table) -> None:
    """Records of 1 KB through the whole first stage, in a process of its own for each size."""
    sizes = [10_000, 100_000, 1_000_000]
    seconds = []
    for size in sizes:
        output = json.loads(
            printed(sys.executable, "-c", f"from bench.provenance import one_intake; one_intake({size})")
        )
        seconds.append(output["seconds"])
        table.add_row(
            f"intake of {size:,} records of 1 KB ({output['bytes'] / 1e9:.2f} GB)",
            f"{size / output['seconds']:,.0f}/s, peak {output['peak']:.2f} GiB",
            "10,000/s, 1 GB",
        )
    exponent = math.log(seconds[-1] / seconds[0]) / math.log(sizes[-1] / sizes[0])
    table.add_row("... exponent from the smallest to the largest", f"{exponent:.2f}", "1")


def one_intake(size: int) -> None:
    from tailguard.domain.requests import BatchRequest, Recipe
    from tailguard.pipeline import runner
    from tailguard.policy.reading import template
    from tailguard.workspace import Workspace

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "policy.toml").write_text(template("bench"))
        file = root / "x.jsonl"
        _write(file, size)
        space = Workspace(root, "bench")
        batch = [BatchRequest(str(file), "docs", "human")]
        warm = root / "warm.jsonl"
        _write(warm, 50)
        runner.advance(
            space,
            runner.start(space, "main", [BatchRequest(str(warm), "warm", "human")], recipe=Recipe(), seed=0),
            until="intake",
        )
        run = runner.start(space, "main", batch, recipe=Recipe(), seed=0)
        begin = time.perf_counter()
        try:
            runner.advance(space, run, until="intake")
        finally:
            seconds = time.perf_counter() - begin
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
        sys.stdout.write(json.dumps({"seconds": seconds, "peak": peak, "bytes": file.stat().st_size}))


def _write(file: Path, size: int) -> None:
    for_words = random.Random(0)  # noqa: S311  a sample, not a secret
    vocabulary = [word for text in _passages() for word in text.split()]
    with file.open("w") as sink:
        for number in range(size):
            start = for_words.randrange(len(vocabulary) - 220)
            text = " ".join(vocabulary[start : start + 220])[:960]
            sink.write(json.dumps({"text": f"{number} {text}", "row": number}) + "\n")


def _passages() -> Iterator[str]:
    from tests.builders import passages

    yield from passages()


# Malformed input


def fuzz(_: Path, table: Table) -> None:
    """Ten thousand broken files against the readers and the import: no crash, and the good record in each is read."""
    from bench.fuzz import readers_and_import

    begin = time.perf_counter()
    crashed, lost = readers_and_import(10_000, seed=0)
    table.add_row(
        "10,000 malformed inputs: crashes; good records lost",
        f"{crashed}; {lost} ({time.perf_counter() - begin:.0f} s)",
        "0; 0",
    )


if __name__ == "__main__":
    main()
