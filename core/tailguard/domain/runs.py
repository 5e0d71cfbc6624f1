"""Names of runs: `lineage/number`, such as `main/3`. The generation that a run makes bears the run's name."""

from __future__ import annotations


def run_name(lineage: str, number: int) -> str:
    """The name of a lineage's run; numbers count from 0."""
    return f"{lineage}/{number}"


def lineage_of(run: str) -> str:
    """The lineage of a run or generation; empty where the name is not that of a run."""
    return run.rpartition("/")[0]


def number_of(run: str) -> int:
    """The number of a run or generation within its lineage. Raises ValueError where the name is not that of a run."""
    return int(run.rpartition("/")[2])


def file_name_of(run: str) -> str:
    """A run's name as part of a file's name: `main-3`."""
    return run.replace("/", "-")
