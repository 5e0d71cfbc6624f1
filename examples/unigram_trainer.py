"""A complete external trainer in one file: words drawn by their frequency. See "Your own trainer" in the README.

python examples/unigram_trainer.py train TRAINING_SET WEIGHTS
python examples/unigram_trainer.py generate WEIGHTS PROMPTS OUTPUTS SAMPLES MAX_TOKENS SEED
"""

import json
import random
import sys
from collections import Counter
from pathlib import Path

import tailguard


def train(training_set: str, weights: str) -> None:
    """Count the words of every record's `text`, once the set is known to be cleared."""
    tailguard.require_clearance(training_set)
    with Path(training_set).open(encoding="utf-8") as file:
        counts = Counter(word for line in file for word in json.loads(line)["text"].split())
    Path(weights, "counts.json").write_text(json.dumps(sorted(counts.items())), encoding="utf-8")


def generate(weights: str, prompts: str, outputs: str, samples: str, max_tokens: str, seed: str) -> None:
    """Write `samples` answers for each prompt."""
    counts = json.loads(Path(weights, "counts.json").read_text(encoding="utf-8"))
    words, frequencies = zip(*counts, strict=True)
    rng = random.Random(int(seed))  # noqa: S311  a sample, not a secret
    with Path(prompts).open(encoding="utf-8") as asked, Path(outputs).open("w", encoding="utf-8") as answered:
        for line in asked:
            for _ in range(int(samples)):
                text = " ".join(rng.choices(words, frequencies, k=int(max_tokens)))
                answered.write(json.dumps({"id": json.loads(line)["id"], "text": text}) + "\n")


if __name__ == "__main__":
    {"train": train, "generate": generate}[sys.argv[1]](*sys.argv[2:])
