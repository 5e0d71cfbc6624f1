"""Measurements take minutes and nobody runs them daily: each has at least to import and to say what it wants."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import pytest

import bench

MODULES = [
    f"{module.name}.__main__" if module.ispkg else module.name for module in pkgutil.iter_modules(bench.__path__)
]
PARTS_OF_OTHERS = {"arrays", "fuzz", "history", "processes"}


@pytest.mark.parametrize("name", MODULES)
def test_every_module_of_the_measurements_imports_and_every_script_answers_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = importlib.import_module(f"bench.{name}")
    if name in PARTS_OF_OTHERS:
        return
    monkeypatch.setattr(sys, "argv", [f"bench.{name}", "--help"])

    with pytest.raises(SystemExit) as ended:
        module.main()

    assert ended.value.code == 0
    assert module.__doc__
    assert " ".join(module.__doc__.split()[:5]) in " ".join(capsys.readouterr().out.split())
