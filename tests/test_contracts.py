"""The import contracts hold, and each of them is broken by what its name forbids; what no import shows is swept for."""

from __future__ import annotations

import copy
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest
from importlinter import configuration
from importlinter.application import use_cases
from importlinter.application.app_config import settings
from importlinter.application.user_options import UserOptions
from importlinter.domain.contract import ContractCheck

from tests.sweeps import CORE, ROOT, attributes, imports, pages

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
ARROWS = "Arrows point down: commands, runs and reports, plays, stages, the science, run log and store, domain"
PLAYS = "Inside the plays: status asks each play, and a play knows those below it"
WORK = "Pages read and decide; they never do a stage's work"
WRITE = "Pages never write to the run log; only their reads ask it"
SQL = "Only the run log speaks SQL"
EACH_OTHER = "Stages do not know each other"
ADAPTERS = "Stages do not know adapters or the run log"

BREAKS = [
    (ARROWS, "tailguard.domain.glossary", "tailguard.runlog.view"),
    (ARROWS, "tailguard.runlog.view", "tailguard.workspace"),
    (ARROWS, "tailguard.runlog.views.runs", "tailguard.store.files"),
    (ARROWS, "tailguard.overrides.meeting", "tailguard.plays.audit"),
    (ARROWS, "tailguard.stages.train", "tailguard.plays.mixing.statement"),
    (ARROWS, "tailguard.release.ship", "tailguard.pipeline.runner"),
    (ARROWS, "tailguard.pipeline.runner", "tailguard.reports.monthly"),
    (ARROWS, "tailguard.pipeline.runner", "tailguard.cli.run"),
    (ARROWS, "tailguard.experiments.laws", "tailguard"),  # the public face stands on everything
    (ARROWS, "tailguard.brand_new", "tailguard.errors"),  # a package that nobody has given a place
    (PLAYS, "tailguard.plays.loops.standing", "tailguard.plays.status"),
    (PLAYS, "tailguard.plays.monitoring.findings", "tailguard.plays.mixing.findings"),
    (PLAYS, "tailguard.plays.brand_new", "tailguard.plays.finding"),
    (WORK, "pages.runs", "tailguard.stages.gate"),
    (WORK, "pages.quarantine", "tailguard.adapters.readers"),
    (WORK, "pages.shared.reads", "tailguard.pipeline.runner"),
    (WORK, "pages.overview", "tailguard.cli.run"),
    (WORK, "pages.overview", "tailguard.demo.story"),
    (WORK, "pages.loops", "tailguard.store.writing"),
    (WRITE, "pages.runs", "tailguard.runlog.views.runs"),
    (WRITE, "pages.shared.reads", "tailguard.runlog.recorder"),
    (WRITE, "pages.shared.reads", "tailguard.runlog.copying"),
    (WRITE, "pages.shared.reads", "tailguard.runlog.schema"),
    (WRITE, "pages.shared.reads", "tailguard.runlog.connection"),
    (WRITE, "pages.shared.cache", "tailguard.runlog.views.runs"),
    (WRITE, "pages.shared.opened", "tailguard.runlog.view"),
    (WRITE, "pages.brand_new", "tailguard.runlog.views.history"),
    (SQL, "tailguard.experiments.laws", "sqlalchemy"),
    (SQL, "tailguard.store.files", "duckdb"),
    (SQL, "tailguard", "duckdb"),
    (SQL, "tailguard.clock", "alembic"),
    (SQL, "pages.shared.reads", "sqlalchemy"),
    (SQL, "pages.runs", "psycopg"),
    (EACH_OTHER, "tailguard.stages.train", "tailguard.stages.gate"),
    (EACH_OTHER, "tailguard.stages.score.judging", "tailguard.stages.intake.reading"),
    (EACH_OTHER, "tailguard.stages.brand_new", "tailguard.stages.gate"),
    (ADAPTERS, "tailguard.stages.train", "tailguard.adapters.trainers"),
    (ADAPTERS, "tailguard.stages.train", "tailguard.runlog.recorder"),
    (ADAPTERS, "tailguard.stages.intake.reading", "tailguard.workspace"),  # which knows the run log
]  # fmt: skip


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("tailguard", "pages", include_external_packages=True, cache_dir=None)


class _Built:
    """Gives import-linter a graph that is built already."""

    def __init__(self, graph: grimp.ImportGraph) -> None:
        self._graph = graph

    def build(self, **_: object) -> grimp.ImportGraph:
        return self._graph


@pytest.fixture(scope="module")
def options() -> Iterator[UserOptions]:
    configuration.configure()
    found = use_cases.read_user_options(str(ROOT / "pyproject.toml"))
    use_cases._register_contract_types(found)
    yield found
    configuration.configure()


def broken(options: UserOptions, graph: grimp.ImportGraph, *added: tuple[str, str]) -> dict[str, ContractCheck]:
    """The contracts that do not hold in a graph to which imports were added, by their names."""
    changed = copy.deepcopy(graph)
    for importer, imported in added:
        for module in (importer, imported):
            if module not in changed.modules:
                changed.add_module(module, is_squashed=not module.startswith(("tailguard", "pages")))
        changed.add_import(importer=importer, imported=imported, line_number=1, line_contents=f"import {imported}")
    settings.configure(GRAPH_BUILDER=_Built(changed))
    report = use_cases.create_report(options)
    assert not report.could_not_run, report.invalid_contract_options
    return {str(contract.name): check for contract, check in report.get_contracts_and_checks() if not check.kept}


def test_every_contract_holds(options: UserOptions, graph: grimp.ImportGraph) -> None:
    assert broken(options, graph) == {}


@pytest.mark.parametrize(("name", "importer", "imported"), BREAKS)
def test_a_forbidden_import_breaks_the_contract_of_that_name_and_no_other(
    options: UserOptions, graph: grimp.ImportGraph, name: str, importer: str, imported: str
) -> None:
    assert set(broken(options, graph, (importer, imported))) == {name}


def test_every_contract_is_broken_on_purpose_above() -> None:
    assert {contract["name"] for contract in CONTRACTS} == {name for name, *_ in BREAKS}


def test_no_package_but_the_run_log_may_import_a_database(options: UserOptions, graph: grimp.ImportGraph) -> None:
    packages = graph.find_children("tailguard") - {"tailguard.runlog"}

    found = broken(options, graph, *((package, "duckdb") for package in packages))

    assert set(found) == {SQL}
    chains = [chain for both in found[SQL].metadata["invalid_chains"] for chain in both["chains"]]
    assert {link["importer"] for (link,) in chains} == packages


def test_the_linter_finds_a_forbidden_import_in_a_file(tmp_path: Path) -> None:
    shutil.copytree(CORE, tmp_path / "tailguard", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "pages", tmp_path / "pages", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    train = tmp_path / "tailguard" / "stages" / "train.py"
    train.write_text(
        train.read_text() + "\ndef late():\n    from tailguard.adapters import trainers\n    return trainers\n"
    )

    done = subprocess.run(  # noqa: S603  our own command
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path), "COLUMNS": "200"}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1, done.stderr
    assert f"{ADAPTERS} BROKEN" in done.stdout
    assert f"{len(CONTRACTS) - 1} kept, 1 broken" in done.stdout


SPEAKING = {"execute", "exec_driver_sql", "scalar", "scalars"}
WRITING = {"deciding", "writing", "publish"}
"""A page decides through a function that asks for the right; it neither opens the log for writing nor begins a decision."""


def test_nobody_but_the_run_log_runs_a_statement_on_a_connection_that_he_was_given() -> None:
    files = [*CORE.rglob("*.py"), *pages()]
    outside = [file for file in files if not file.is_relative_to(CORE / "runlog")]

    speaking = {
        str(file.relative_to(ROOT)): found for file in outside if (found := attributes(file.read_text()) & SPEAKING)
    }

    assert len(outside) > 200
    assert speaking == {}
    assert attributes("with log.reading() as c:\n    c.execute(text)") & SPEAKING == {"execute"}


def test_no_page_writes_through_the_workspace() -> None:
    writing = {
        str(file.relative_to(ROOT)): found for file in pages() if (found := attributes(file.read_text()) & WRITING)
    }

    assert writing == {}
    assert attributes("with opened.workspace().deciding(right) as tx: pass") & WRITING == {"deciding"}
    assert attributes("with space.log.writing() as connection: pass") & WRITING == {"writing"}


def test_the_dashboards_first_file_imports_no_more_of_the_core_than_a_page_may() -> None:
    """import-linter looks at packages; app.py is a module."""
    forbidden = {name for contract in CONTRACTS[2:5] for name in contract["forbidden_modules"]}

    def reaches(source: str) -> set[str]:
        return {name for name in imports(source) for part in forbidden if name == part or name.startswith(f"{part}.")}

    assert reaches((ROOT / "app.py").read_text()) == set()
    assert reaches("def f():\n    from tailguard.stages import gate") == {"tailguard.stages", "tailguard.stages.gate"}
