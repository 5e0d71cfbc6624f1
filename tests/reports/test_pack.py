"""The evidence pack: whole, checkable, opens without a network, and obeys no text that it holds."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from datetime import timedelta

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tailguard.domain.facts import EvidencePacked
from tailguard.domain.gates import Gate
from tailguard.domain.tags import Origin
from tailguard.errors import InputError
from tailguard.overrides import requests
from tailguard.reports.pack import make
from tailguard.store.writing import digest_of
from tests.builders import Team, written_by
from tests.templates import done_once

HOSTILE = '=HYPERLINK("http://evil") <script>alert(1)</script> | **bold**'


@done_once
def two_generations(team: Team) -> str:
    """The second was fed what the first wrote."""
    first = team.run([team.batch("a", team.take(400))])
    ours = written_by(team, first, 200, logged=True)
    return team.run([team.batch("b", team.take(100)), team.batch("o", ours, "robot", Origin.AI)])


def opened(team: Team, run: str) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(make(team.workspace, run).content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.slow
def test_a_pack_is_whole_and_every_file_has_the_digest_that_is_listed(team: Team) -> None:
    run = two_generations(team)
    name = requests.request(
        team.workspace.as_actor("lin"),
        gate=Gate.RATIO,
        run=run,
        reason=HOSTILE,
        expires=team.clock.now() + timedelta(days=9),
    )

    files = opened(team, run)

    manifest = json.loads(files["manifest.json"])
    assert manifest["files"] == {
        path: digest_of(content) for path, content in files.items() if path not in ("manifest.json", "SHA256SUMS")
    }
    lines = (line.split("  ") for line in files["SHA256SUMS"].decode().splitlines())
    sums = {path: digest for digest, path in lines}
    assert sums["manifest.json"] == digest_of(files["manifest.json"])
    assert {
        "index.html", "policy.toml", "runbook.html", "overrides.csv", "plays.csv", "controls.csv", "model-card.md",
        "dataset-card.md", "ml-bom.cdx.json", "eu-training-content-summary.md", "log-verification.json", "loops.svg",
        "charts/main-ratio.svg", "charts/main-diversity.svg", "gates/main-1-against-parent.html",
    } <= files.keys()  # fmt: skip
    assert json.loads(files["log-verification.json"])["problems"] == []
    rows = list(csv.reader(io.StringIO(files["overrides.csv"].decode("utf-8-sig"))))
    assert next(row for row in rows if name in row)[rows[0].index("reason")] == "'" + HOSTILE
    for path, content in files.items():
        if path.endswith((".html", ".svg")):
            assert b"<script" not in content, path
            outside = [url for url in re.findall(rb'(?:src|href)="(https?:[^"]*)"', content) if b"w3.org" not in url]
            assert outside == [], path
    with team.workspace.log.reading() as view:
        assert view.recorded(EvidencePacked)[0].fact.manifest == digest_of(files["manifest.json"])


def test_cards_and_bill_of_materials_fit_their_formats(team: Team) -> None:
    run = two_generations(team)

    files = opened(team, run)

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(files["ml-bom.cdx.json"].decode()) is None
    for name in ("model-card.md", "dataset-card.md"):
        _, front, body = files[name].decode().split("---\n", 2)
        assert "tailguard" in yaml.safe_load(front)["tags"]
        assert "| robot |" in body
    model = yaml.safe_load(files["model-card.md"].decode().split("---\n", 2)[1])
    assert {metric["type"] for metric in model["model-index"][0]["results"][0]["metrics"]} >= {"usable", "rare_density"}
    summary = files["eu-training-content-summary.md"].decode()
    assert "Was synthetic AI-generated data used to train the model? Yes." in summary
    assert "main/0" in summary.split("2.5 Synthetic data")[1]
    with pytest.raises(InputError, match="was never trained"):
        make(team.workspace, "main/7")
