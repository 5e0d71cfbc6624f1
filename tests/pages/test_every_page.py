"""Every page opens on every kind of run log, and every part of it opens."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tailguard.runlog.verify import verify
from tailguard.workspace import Workspace
from tests.builders import Team, found_team
from tests.logs import ALONE, Catalogue
from tests.pages.opening import PAGES, acting_as, opened, page_text, rows_behind

LOOKED_AT_FIRST = ("none", "empty", "blocked", "watched", "looped", "season", "log_alone")
"""The other logs are among the slow tests."""


@pytest.mark.parametrize(
    "state",
    [pytest.param(name, marks=() if name in LOOKED_AT_FIRST else pytest.mark.slow) for name in Catalogue(Path())],
)
def test_every_page_opens_on_every_log(catalogue: Catalogue, state: str) -> None:
    app = opened(catalogue[state], "overview")

    for page in PAGES:
        if page != "overview":
            app.switch_page(f"pages/{page}.py").run()
        assert not app.exception, (page, app.exception)
        assert app.title[0].value == page.capitalize()
        if state in ("none", "empty"):
            assert "No run is in the log yet" in page_text(app), page
            assert "tailguard demo" in page_text(app), page
        else:
            assert "No run is in the log yet" not in page_text(app), page
            assert "test clock" in page_text(app) or page in (
                "diversity",
                "gates",
                "mixing",
                "provenance",
                "quarantine",
            ), page
        assert ("There is no store at" in page_text(app)) == (state in ALONE), page
        assert ("There is no policy.toml in" in page_text(app)) == (state == "log_without_policy"), page


@pytest.mark.parametrize("page", PAGES)
def test_every_figure_opens_to_its_rows_and_every_part_opens(catalogue: Catalogue, page: str) -> None:
    app = opened(catalogue["looped"], page)
    figures = [button.key for button in app.button if button.key and button.key.startswith("open-")]
    if page != "overview":
        assert len(figures) >= 3, figures

    for key in figures:
        app.button(key=key).click().run()
        assert not app.exception, (key, app.exception)
    parts = rows_behind(app)
    shut = len(app.run().dataframe)
    for key in parts:
        app.session_state[key] = True
    app.run()
    assert not app.exception, app.exception
    assert len(app.dataframe) == shut + len(parts)


def test_a_page_of_its_own_shows_its_own_charts(catalogue: Catalogue) -> None:
    overview = [chart.proto.spec for chart in opened(catalogue["looped"], "overview").get("plotly_chart")]
    plays = [chart.proto.spec for chart in opened(catalogue["looped"], "plays").get("plotly_chart")]

    assert overview
    assert plays
    assert not set(overview) & set(plays)


def test_a_log_from_a_newer_version_is_an_error_with_a_remedy(catalogue: Catalogue, tmp_path: Path) -> None:

    shutil.copytree(catalogue["one_run"], tmp_path / "copy")
    with Workspace(tmp_path / "copy", "ada").log.writing() as view:
        view.connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    app = opened(tmp_path / "copy", "overview")

    assert "Upgrade Tailguard" in page_text(app)


@pytest.mark.slow
def test_a_whole_run_and_its_pages_work_on_postgresql(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with create_engine(postgres, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("CREATE DATABASE team"))
    monkeypatch.setenv("TAILGUARD_RUNLOG", postgres.replace("/postgres?", "/team?"))
    team = found_team(tmp_path)
    team.run([team.batch("a", team.take(150))])

    for page in PAGES:
        app = opened(tmp_path, page)
        assert not app.exception, app.exception
    assert "main/0 is complete" in page_text(app)
    assert verify(team.workspace.log).problems == ()
    assert not (tmp_path / "runlog.duckdb").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "state"),
    [
        *((page, "log_alone") for page in PAGES),
        *((page, "log_without_policy") for page in ("overview", "overrides", "loops", "plays", "drill")),
    ],
)
def test_with_the_log_alone_no_button_and_no_form_ends_in_a_traceback(
    catalogue: Catalogue, tmp_path: Path, page: str, state: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(catalogue[state], folder)
    with acting_as("ada"):
        app = opened(folder, page)
        keys = [button.key for button in app.button if button.key and not button.disabled]
        for key in [*keys, *rows_behind(app)]:
            if key in [button.key for button in app.button]:
                app.button(key=key).click().run()
            else:
                app.session_state[key] = True
                app.run()
            assert not app.exception, (key, app.exception)
            if app.title[0].value != page.capitalize():
                app = opened(folder, page)


def test_a_policy_that_cannot_be_read_is_named_and_the_pages_stay_open(catalogue: Catalogue, tmp_path: Path) -> None:
    shutil.copytree(catalogue["one_run"], tmp_path / "copy")
    (tmp_path / "copy" / "policy.toml").write_text("team = \n")

    overview, plays = (opened(tmp_path / "copy", page) for page in ("overview", "plays"))

    assert not overview.exception, overview.exception
    assert not plays.exception, plays.exception
    assert "is not valid TOML" in " ".join(message.value for message in plays.warning).replace("\\", "")


def test_a_log_that_nobody_published_is_not_called_empty(catalogue: Catalogue, tmp_path: Path) -> None:
    shutil.copyfile(catalogue["one_run"] / "runlog.duckdb", tmp_path / "runlog.duckdb")

    app = opened(tmp_path, "overview")

    assert "No run is in the log yet" not in page_text(app)
    assert "There is no published copy of the run log" in page_text(app)
    assert "`tailguard dashboard` makes one" in page_text(app)


def test_hostile_names_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    team: Team = found_team(tmp_path)
    hostile = "<script>alert(1)</script> **bold** [x](http://evil) $x$ :red[y]"
    team.run([team.batch("a", team.take(100), hostile)])
    app = opened(tmp_path, "provenance")

    assert not app.exception
    assert all("<script>" not in part.value for part in app.markdown)
