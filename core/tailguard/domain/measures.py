"""The primary measures of diversity, by the names that the run log has them under."""

from __future__ import annotations

TAIL_ACCURACY = "tail accuracy"
TAIL_RECALL = "tail recall"
TYPE_COVERAGE = "rarefied type coverage"
VARIETY = "between-response variety"
PRIMARY = (TAIL_ACCURACY, TAIL_RECALL, TYPE_COVERAGE, VARIETY)
"""The measures that gate, in the order in which they are shown."""
