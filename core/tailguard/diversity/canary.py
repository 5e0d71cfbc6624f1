"""Has the gate teeth? A collapse planted into the candidate's own outputs, which the gate must block."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tailguard.diversity.outputs import Outputs

STRENGTHS = (0.05, 0.1, 0.3)
"""Shares of the rare terms that are taken out."""


def planted_collapse(outputs: Outputs, *, rare_terms: frozenset[str], strength: float, seed: int) -> Outputs:
    """The same answers after a share `strength` (0 to 1) of the rare terms was lost.

    Every occurrence of a lost term becomes a word drawn from the answers' common words by their frequency: length and
    fluency of the answers stay as they were, and only the tail is gone.
    """
    rng = np.random.default_rng(seed)
    tokens = outputs.tokens
    counts = Counter(word for samples in tokens.values() for answer in samples for word in answer)
    present = sorted(rare_terms & counts.keys())
    lost = {present[at] for at in rng.permutation(len(present))[: round(strength * len(present))]}
    common = [word for word, _ in counts.most_common(200) if word not in rare_terms] or ["the"]
    weights = np.array([counts[word] or 1 for word in common], dtype=np.float64)
    stand_ins = iter(rng.choice(len(common), size=sum(counts[word] for word in lost) + 1, p=weights / weights.sum()))
    return outputs.saying(
        {
            prompt: [[common[next(stand_ins)] if word in lost else word for word in answer] for answer in samples]
            for prompt, samples in tokens.items()
        }
    )
