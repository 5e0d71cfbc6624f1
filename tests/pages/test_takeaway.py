"""What people take away: tables with formulas disarmed, charts as pictures, the monthly pack, and the words that explain them."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pyarrow.parquet as pq
import pytest

from pages.shared import takeaway
from tailguard.domain import glossary
from tailguard.domain.gates import Gate
from tailguard.domain.tags import Origin
from tailguard.errors import InputError
from tailguard.overrides import requests
from tailguard.reports import monthly
from tailguard.store.progress import Progress, ProgressFile, in_progress
from tests.builders import Team

ROOT = Path(__file__).parent.parent.parent
HOSTILE = '=HYPERLINK("http://evil","x") <script>alert(1)</script> \u202edrow\x07 '
FORMULAS = ("=1+1", "+1", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1")


def test_a_table_as_csv_computes_nothing_and_loses_nothing() -> None:
    frame = pd.DataFrame(
        {
            "=evil()": [*FORMULAS, "plain, with a comma"],
            "n": [1.5, None, 2, 3, 4, 5, 6],
            "when": pd.Timestamp("2026-01-02"),
        }
    )

    rows = list(csv.reader(io.StringIO(takeaway.as_csv(frame).decode("utf-8-sig"), newline="")))

    assert not any(cell[:1] in "=+-@\t\r" for row in rows for cell in row if cell)
    assert [row[0].removeprefix("'") for row in rows[1:]] == list(frame["=evil()"])
    assert [row[1] for row in rows[1:3]] == ["1.5", ""]
    assert rows[1][2] == "2026-01-02T00:00:00"


def test_a_table_as_parquet_keeps_its_types_and_its_text() -> None:
    frame = pd.DataFrame({"text": list(FORMULAS), "n": range(6), "mixed": [1, "a", None, 2.5, True, "b"]})

    found = pq.read_table(io.BytesIO(takeaway.as_parquet(frame))).to_pandas()

    assert list(found["text"]) == list(FORMULAS)
    assert list(found["n"]) == list(range(6))
    assert found["mixed"].tolist()[1] == "a"


@pytest.mark.slow
@pytest.mark.browser
def test_a_chart_is_drawn_as_a_picture_of_either_kind() -> None:
    figure = go.Figure(go.Scatter(x=[1, 2], y=[3, 4]), layout={"title": "Ratio <b>held</b>", "height": 300})

    png, svg = takeaway.as_image(figure, "png"), takeaway.as_image(figure, "svg")

    assert png.startswith(b"\x89PNG")
    assert b"<svg" in svg
    assert b"held" in svg
    shown = takeaway.untitled(go.Figure(figure).update_layout(margin_t=56))
    assert shown.layout.title.text is None, "a page shows the title above the chart"
    assert b"held" in takeaway.as_image(shown, "svg"), "a file has it in the picture"


@pytest.mark.slow
def test_the_monthly_pack_is_one_file_of_plain_text_and_pictures(team: Team) -> None:
    run = team.run([team.batch("a", team.take(150)), team.batch("b", team.take(20), HOSTILE[:60], Origin.UNKNOWN)])
    requests.request(
        team.workspace.as_actor("lin"), gate=Gate.RATIO, run=run, reason=HOSTILE + "x" * 1_000_000,
        expires=team.clock.now().replace(day=28),
    )  # fmt: skip
    month = monthly.newest_month(team.workspace)
    assert month == "2026-03"

    page = monthly.report(team.workspace, "2026-04", form="html").decode()
    again = monthly.report(team.workspace, "2026-04", form="html").decode()
    paper = monthly.report(team.workspace, month, form="pdf")

    assert page == again
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "\u202e" not in page
    assert "\x07" not in page
    assert len(page) < 400_000
    assert "1,000," in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert f"{run} may ship" in page
    for title in ("Overview", "Trends", "Gates", "Overrides", "Plays"):
        assert f"<h2>{title}</h2>" in page
    assert paper.startswith(b"%PDF")


@pytest.mark.parametrize(
    ("month", "form", "message"),
    [
        ("2026-13", "html", "a year and a month"),
        ("2026-03", "docx", "html or pdf"),
        ("2031-01", "html", "has not begun"),
    ],
)
def test_a_pack_that_cannot_be_made_says_why(team: Team, month: str, form: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        monthly.report(team.workspace, month, form=form)


def test_the_glossary_of_the_docs_is_the_one_that_pages_show() -> None:
    assert (ROOT / "docs" / "glossary.md").read_text() == glossary.page()
    assert set(glossary.COLUMNS.values()) <= set(glossary.TERMS)
    used = terms_in("".join(path.read_text() for path in (ROOT / "pages").rglob("*.py")))
    assert used <= set(glossary.TERMS), used - set(glossary.TERMS)
    assert len(used) > 20


def terms_in(source: str) -> set[str]:
    """The words that pages explain."""
    used = {word for found in re.findall(r"terms=\(([^)]*)\)", source) for word in re.findall(r'"([^"]+)"', found)}
    return used | set(re.findall(r'term="([^"]+)"', source))


def test_a_word_that_the_glossary_does_not_know_is_found() -> None:
    found = terms_in('card("x", term="no such word")\nfigure(terms=("gate", "nor this"))')

    assert found - set(glossary.TERMS) == {"no such word", "nor this"}


def test_a_run_in_progress_tells_how_far_it_is_and_nothing_once_it_ends(tmp_path: Path) -> None:
    file = ProgressFile(tmp_path, "main/3")
    file.stage("intake")
    assert in_progress(tmp_path) == [Progress("main/3", "intake", "", 0, 0.0, None, None)]

    (tmp_path / "progress" / "junk.json").write_text("{")
    file.end()

    assert in_progress(tmp_path) == []
    assert (
        "1,200 records of a.jsonl, 300 a second, about 9 s left"
        in Progress("main/3", "intake", "a.jsonl", 1200, 300.0, 0.3, 9.2).text
    )
