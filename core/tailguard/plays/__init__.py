"""Plays watch: what the five standing plays find in the run log, and whether each of them is really running.

Everything here is computed from the log; nothing here writes to it.
"""
