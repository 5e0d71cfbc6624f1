"""Mixing as arithmetic: what fits under a ceiling, in which order, and between which bounds a ratio lies."""
