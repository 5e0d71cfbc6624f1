"""Telling model-made text from human text, with stated error rates, and saying `unknown` when it cannot be told."""
