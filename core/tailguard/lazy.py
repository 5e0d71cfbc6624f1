"""Names that a package offers and loads when they are first asked for, so that importing the package loads nothing heavy."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module


def names_from(package: str, homes: Mapping[str, Sequence[str]]) -> Callable[[str], object]:
    """A module's `__getattr__`: `homes` says which names are in which module; a module without names is given itself.

    Show type checkers the same names by imports under TYPE_CHECKING, and this function only where that is false: else any
    misspelt name would pass.
    """
    places = {name: home for home, names in homes.items() for name in names}
    modules = {home.rpartition(".")[2]: home for home, names in homes.items() if not names}

    def load(name: str) -> object:
        if name in modules:
            return import_module(modules[name])
        if name in places:
            return getattr(import_module(places[name]), name)
        known = sorted([*places, *modules])
        near = difflib.get_close_matches(name, known, n=1)
        meant = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}."
        raise AttributeError(f"{package} has no {name!r}; {meant}")

    return load
