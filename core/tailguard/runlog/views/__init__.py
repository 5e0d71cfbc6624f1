"""Questions to the run log, each named after its answer, by subject. What is true now is computed here from the facts."""
