"""What can be asked for on the page of overrides."""

from __future__ import annotations

from dataclasses import dataclass

from tailguard.domain.gates import Gate


@dataclass(frozen=True)
class Opening:
    """An exception that can be asked for: one gate for one run."""

    gate: Gate
    run: str

    def __str__(self) -> str:
        return f"{self.gate} gate of {self.run}"


@dataclass(frozen=True)
class Renewal:
    """An override that is asked to go on."""

    override: str

    def __str__(self) -> str:
        return f"renew {self.override}"
