"""Thirty published rules with their thresholds: which of them a text fails, each by name.

Sources: J. W. Rae et al., "Scaling language models: Gopher" (2021), appendix A1 and table A1; C. Raffel et al., "Exploring
the limits of transfer learning" (JMLR 21, 2020), section 2.2 (C4); G. Penedo et al., "The FineWeb datasets" (2024), section
3.6. Words are pieces between white space; a line ends a sentence, and so does each . ! ? that a space follows. Decisions are
those of datatrove's filters on the same words and sentences (a test holds them side by side).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailguard.policy.model import Quality
from tailguard.quality.kernel import STATISTICS

AT_LEAST, AT_MOST = ">=", "<="


@dataclass(frozen=True)
class Rule:
    """A bound on one figure. `setting` names the threshold in the policy's [quality]; `short_too` is off where the figure
    means nothing in a text of few words."""

    family: str
    name: str
    statistic: str
    bound: str
    setting: str
    short_too: bool = True


RULES = (
    Rule("gopher", "too few words", "marked_words", AT_LEAST, "min_words"),
    Rule("gopher", "too many words", "marked_words", AT_MOST, "max_words"),
    Rule("gopher", "words too short", "mean_word_length", AT_LEAST, "min_mean_word_length"),
    Rule("gopher", "words too long", "mean_word_length", AT_MOST, "max_mean_word_length"),
    Rule("gopher", "too many hashes", "hashes", AT_MOST, "max_symbol_ratio"),
    Rule("gopher", "too many ellipses", "ellipses", AT_MOST, "max_symbol_ratio"),
    Rule("gopher", "mostly bullet points", "bullet_lines", AT_MOST, "max_bullet_lines"),
    Rule("gopher", "lines end in an ellipsis", "ellipsis_lines", AT_MOST, "max_ellipsis_lines"),
    Rule("gopher", "words without a letter", "alpha_words", AT_LEAST, "min_alpha_words"),
    Rule("gopher", "too few common words", "stop_words", AT_LEAST, "min_stop_words"),
    Rule("gopher repetition", "repeated paragraphs", "dup_paragraphs", AT_MOST, "max_dup_paragraphs"),
    Rule("gopher repetition", "text in repeated paragraphs", "dup_paragraph_characters", AT_MOST, "max_dup_paragraph_characters"),
    Rule("gopher repetition", "repeated lines", "dup_lines", AT_MOST, "max_dup_lines"),
    Rule("gopher repetition", "text in repeated lines", "dup_line_characters", AT_MOST, "max_dup_line_characters"),
    Rule("gopher repetition", "one word pair too often", "top_2_gram", AT_MOST, "max_top_2_gram", short_too=False),
    Rule("gopher repetition", "one word triple too often", "top_3_gram", AT_MOST, "max_top_3_gram", short_too=False),
    Rule("gopher repetition", "one 4-gram too often", "top_4_gram", AT_MOST, "max_top_4_gram", short_too=False),
    Rule("gopher repetition", "repeated 5-grams", "dup_5_grams", AT_MOST, "max_dup_5_grams"),
    Rule("gopher repetition", "repeated 6-grams", "dup_6_grams", AT_MOST, "max_dup_6_grams"),
    Rule("gopher repetition", "repeated 7-grams", "dup_7_grams", AT_MOST, "max_dup_7_grams"),
    Rule("gopher repetition", "repeated 8-grams", "dup_8_grams", AT_MOST, "max_dup_8_grams"),
    Rule("gopher repetition", "repeated 9-grams", "dup_9_grams", AT_MOST, "max_dup_9_grams"),
    Rule("gopher repetition", "repeated 10-grams", "dup_10_grams", AT_MOST, "max_dup_10_grams"),
    Rule("c4", "too few sentences", "sentences", AT_LEAST, "min_sentences"),
    Rule("c4", "filler text", "filler", AT_MOST, "max_filler"),
    Rule("c4", "curly brackets", "curly_brackets", AT_MOST, "max_curly_brackets"),
    Rule("fineweb", "lines without a closing mark", "terminal_lines", AT_LEAST, "min_terminal_lines"),
    Rule("fineweb", "mostly short lines", "short_lines", AT_MOST, "max_short_lines"),
    Rule("fineweb", "repeated line text", "dup_line_share", AT_MOST, "max_dup_line_share"),
    Rule("fineweb", "more lines than sentences", "newlines", AT_MOST, "max_newlines"),
)  # fmt: skip


def failing(texts: Sequence[str], policy: Quality) -> NDArray[np.bool_]:
    """Which of RULES each text fails: one row a text, one column a rule."""
    from tailguard.detection.texts import pack
    from tailguard.quality.characters import table
    from tailguard.quality.kernel import measure

    packed = pack(texts)
    figures = measure(packed.data, packed.offsets, table(), policy.longest_word, policy.short_line)
    column = {name: figures[:, position] for position, name in enumerate(STATISTICS)}
    short = column["words"] < policy.short_text_words
    failures = np.zeros((len(texts), len(RULES)), dtype=bool)
    for position, rule in enumerate(RULES):
        value, threshold = column[rule.statistic], getattr(policy, rule.setting)
        failed = value < threshold if rule.bound == AT_LEAST else value > threshold
        failures[:, position] = failed if rule.short_too else failed & ~short
    return failures


def quality(failed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The share of the rules that each text meets (0 to 1)."""
    return np.asarray((failed.shape[1] - failed.sum(axis=1)) / failed.shape[1])
