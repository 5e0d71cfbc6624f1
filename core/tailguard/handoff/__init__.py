"""A run handed over: its bundle, from which somebody else repeats it with nothing else at hand, and what came of it."""
