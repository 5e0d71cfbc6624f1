"""Collapse as arithmetic and as experiment: the laws of the literature, and chains of small models on a team's own text."""
