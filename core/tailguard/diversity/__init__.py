"""Diversity of texts: metrics by their standard names, and the comparison that the gate decides by. Usable on its own.

    from tailguard.diversity import mtld, self_bleu, vendi_score

Texts are given as their words (`words(text)` splits) where a metric counts words, and as unit vectors (`embed(texts)`) where
it measures meaning. A metric that moves with the amount of text alone says so; compare it at equal size only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tailguard.lazy import names_from

if TYPE_CHECKING:
    from tailguard.diversity.abundance import (
        chao1,
        coverage_at,
        hapax_share,
        hill_at_equal_coverage,
        hill_at_size,
        hill_number,
        jensen_shannon,
    )
    from tailguard.diversity.lexical import hdd, mattr, mtld, ttr
    from tailguard.diversity.metrics import bigrams, distinct_n, rarefied_richness, type_counts, words
    from tailguard.diversity.repetition import compression_ratio, self_bleu, self_repetition
    from tailguard.diversity.semantic import embed, prdc, vendi_score
else:
    __getattr__ = names_from(
        __name__,
        {
            "tailguard.diversity.abundance": (
                "chao1",
                "coverage_at",
                "hapax_share",
                "hill_at_equal_coverage",
                "hill_at_size",
                "hill_number",
                "jensen_shannon",
            ),
            "tailguard.diversity.lexical": (
                "hdd",
                "mattr",
                "mtld",
                "ttr",
            ),
            "tailguard.diversity.metrics": (
                "bigrams",
                "distinct_n",
                "rarefied_richness",
                "type_counts",
                "words",
            ),
            "tailguard.diversity.repetition": (
                "compression_ratio",
                "self_bleu",
                "self_repetition",
            ),
            "tailguard.diversity.semantic": (
                "embed",
                "prdc",
                "vendi_score",
            ),
        },
    )

__all__ = [
    "bigrams",
    "chao1",
    "compression_ratio",
    "coverage_at",
    "distinct_n",
    "embed",
    "hapax_share",
    "hdd",
    "hill_at_equal_coverage",
    "hill_at_size",
    "hill_number",
    "jensen_shannon",
    "mattr",
    "mtld",
    "prdc",
    "rarefied_richness",
    "self_bleu",
    "self_repetition",
    "ttr",
    "type_counts",
    "vendi_score",
    "words",
]


def __dir__() -> list[str]:
    return [*__all__, *globals()]
