"""What `import tailguard` offers: real names, light to import, annotations that resolve, examples that are true."""

from __future__ import annotations

import doctest
import inspect
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import pytest

import tailguard
from tailguard.plays.mixing import statement
from tailguard.plays.mixing.statement import Signed
from tailguard.store.writing import digest_of

ROOT = Path(__file__).parent.parent
HEAVY = (
    "numpy",
    "numba",
    "pandas",
    "pyarrow",
    "scipy",
    "sklearn",
    "sqlalchemy",
    "duckdb",
    "pydantic",
    "streamlit",
    "wordllama",
)
PACKAGES = (tailguard, tailguard.diversity, tailguard.log)


def loaded_by(code: str) -> set[str]:
    """Which heavy libraries a fresh Python has loaded after some code."""
    script = f"{code}\nimport sys\nprint(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603  our own command
    return set(done.stdout.split())


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_name_that_a_package_offers_is_there(package: ModuleType) -> None:
    assert package.__all__ == sorted(package.__all__)
    assert [name for name in package.__all__ if not hasattr(package, name)] == []
    assert set(package.__all__) <= set(dir(package))


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import tailguard, tailguard.diversity") == set()
    assert loaded_by("import tailguard; tailguard.require_clearance") == set()
    assert "pandas" not in loaded_by("import tailguard; tailguard.detect; tailguard.diversity.words")


def test_a_misspelt_name_is_told_the_nearest() -> None:
    with pytest.raises(AttributeError, match="tailguard has no 'detekt'; did you mean 'detect'"):
        tailguard.detekt  # type: ignore[attr-defined]  # noqa: B018


def public(package: ModuleType) -> list[Callable[..., Any]]:
    """Functions and classes that a package offers, and what is public of the classes."""
    found = [value for name in package.__all__ if callable(value := getattr(package, name))]
    own = [
        member.fget if isinstance(member, property) else member
        for value in found
        if isinstance(value, type)
        for name, member in vars(value).items()
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property))
    ]
    return [*found, *own]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_annotations_of_the_public_face_resolve_at_run_time(package: ModuleType) -> None:
    for value in public(package):
        hints = get_type_hints(value)
        if inspect.isfunction(value):
            named = {*inspect.signature(value).parameters, "return"} - {"self"}
            assert named <= set(hints), value


@pytest.fixture
def clearance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training file, its signed clearance and the public key, in the current folder."""
    training, now = b'{"text": "a record"}\n', datetime.now(UTC).replace(tzinfo=None)
    cleared = Signed(
        run="main/3", lineage="main", snapshot="5" * 64, content=digest_of(training), policy="7" * 64,
        ratio_records=0.1, ratio_tokens=0.1, upper_bound=0.12, ceiling=0.3, mode="enforce", gate="PASS", reason="",
        override=None, issued_by="ines", issued=now, expires=now + timedelta(days=7),
    )  # fmt: skip
    (tmp_path / "training.jsonl").write_bytes(training)
    (tmp_path / "training.jsonl.clearance.json").write_bytes(
        statement.sign(statement.statement(cleared), tmp_path / "keys")
    )
    (tmp_path / "clearance.pub").write_bytes(statement.public_key(tmp_path / "keys"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("clearance")
@pytest.mark.parametrize("name", ["compare", "detect", "require_clearance"])
def test_the_example_in_a_docstring_is_true(name: str) -> None:
    (example,) = doctest.DocTestFinder().find(getattr(tailguard, name), name, globs={"tailguard": tailguard})
    printed: list[str] = []

    result = doctest.DocTestRunner().run(example, out=printed.append)

    assert result.attempted
    assert result.failed == 0, "".join(printed)
    for part in ("Args:", "Returns:", "Raises:", "Example:"):
        assert part in (example.docstring or "")


def test_the_wheel_says_that_the_package_is_typed(tmp_path: Path) -> None:
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-c", build, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )

    wheel = zipfile.ZipFile(tmp_path / done.stdout.split()[-1])

    assert {"tailguard/py.typed", "tailguard/log.py"} <= set(wheel.namelist())
    assert "Typing :: Typed" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
