"""Diversity of texts: metrics by their standard names, and the comparison that the gate decides by. Usable on its own.

    from tailguard.diversity import mtld, self_bleu, vendi_score

Texts are given as their words (`words(text)` splits) where a metric counts words, and as unit vectors (`embed(texts)`) where
it measures meaning. A metric that moves with the amount of text alone says so; compare it at equal size only.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "metrics": ("bigrams", "distinct_n", "rarefied_richness", "type_counts", "words"),
    "abundance": (
        "chao1",
        "coverage_at",
        "hapax_share",
        "hill_at_equal_coverage",
        "hill_at_size",
        "hill_number",
        "jensen_shannon",
    ),
    "lexical": ("hdd", "mattr", "mtld", "ttr"),
    "repetition": ("compression_ratio", "self_bleu", "self_repetition"),
    "semantic": ("embed", "prdc", "vendi_score"),
}
_PLACE = {name: home for home, names in _HOME.items() for name in names}

__all__ = sorted(_PLACE)  # noqa: PLE0605  the names are those above


def __getattr__(name: str) -> Any:
    """A metric, loaded when first asked for."""
    if name not in _PLACE:
        raise AttributeError(f"tailguard.diversity has no {name!r}. It has {', '.join(__all__)}.")
    return getattr(import_module(f"{__name__}.{_PLACE[name]}"), name)
