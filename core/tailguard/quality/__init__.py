"""Is a text worth training on: the published heuristic rules, near-duplicates, and overlap with the evaluation suite."""
