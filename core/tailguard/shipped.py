"""Finds the files that come with Tailguard: inside the package when installed, beside `core/` in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent
_CHECKOUT = _PACKAGE.parent.parent


def shipped(*parts: str) -> Path:
    """Path of a shipped file, such as `shipped("data", "policy.toml")` or `shipped("dashboard", "app.py")`."""
    packaged = _PACKAGE.joinpath(*parts)
    if packaged.exists():
        return packaged
    return _CHECKOUT.joinpath(*(parts[1:] if parts[0] == "dashboard" else parts))
