"""Training sets: rebuilt to the same bytes, exported with a description that validates, compared, audited, made again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailguard.domain.facts import (
    Artifact,
    Composition,
    CompositionPart,
    EarlierHumanKept,
    ExitCriterion,
    MixingAudited,
    RatioMeasured,
)
from tailguard.domain.requests import Recipe
from tailguard.domain.stages import Requirement, Waiver
from tailguard.domain.tags import Origin, digest_of_row
from tailguard.errors import Blocked, InputError
from tailguard.exports.export import export, write_again
from tailguard.pipeline import runner
from tailguard.plays.mixing import audit, difference
from tailguard.plays.status import status
from tailguard.stages.compose import rebuild
from tailguard.store.files import Store
from tailguard.store.snapshots import FIRST_FORMAT, lines, members_of, read_snapshot
from tests.builders import Team, facts, first_generation, found_team, written_by


def made(team: Team, run: str) -> Composition:
    found: Composition = facts(team, Composition, run=run)[0]
    return found


def test_another_machine_makes_the_same_bytes_from_the_manifest(team: Team, tmp_path: Path) -> None:
    run = first_generation(team, 150)
    snapshot = made(team, run)
    target = tmp_path / "elsewhere"
    for kind in ("snapshots", "members", "anchors", "scored"):
        (target / kind).mkdir(parents=True)
        for path in (team.workspace.store.root / kind).iterdir():
            os.link(path, target / kind / path.name)
    code = (
        "import sys; from pathlib import Path; from tailguard.store.files import Store; "
        "from tailguard.stages.compose import rebuild; print(rebuild(Store(Path(sys.argv[1])), sys.argv[2]).content)"
    )

    done = subprocess.run(  # noqa: S603  the code above
        [sys.executable, "-c", code, str(target), snapshot.snapshot],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": "77", "LANG": "C"},
    )  # fmt: skip

    assert done.stdout.strip() == snapshot.content
    assert Store(target).bytes("training", snapshot.content, ".jsonl") == team.workspace.store.bytes(
        "training", snapshot.content, ".jsonl"
    )


def test_the_manifest_names_every_record_policy_seed_and_version(team: Team) -> None:
    run = first_generation(team, 150)
    manifest = read_snapshot(team.workspace.store, made(team, run).snapshot).manifest

    assert manifest["format"] == "tailguard-snapshot/2"
    assert {"policy", "seed", "version", "anchor", "recipe", "members", "content", "lineage"} <= manifest.keys()
    ids = dict(members_of(team.workspace.store, made(team, run).snapshot))
    assert (len(ids["anchor"]), len(ids["human"])) == (500, made(team, run).records - 500)


def test_a_snapshot_of_the_first_format_is_still_read_and_rebuilt(team: Team) -> None:
    run = first_generation(team, 60)
    store = team.workspace.store
    new = read_snapshot(store, made(team, run).snapshot)
    ordered = sorted(
        store.bytes("training", new.content, ".jsonl").splitlines(), key=lambda line: json.loads(line)["id"]
    )
    old = {
        "format": FIRST_FORMAT, "lineage": "main", "policy": "p", "seed": 0, "version": "0.1.0", "anchor": new.manifest["anchor"],
        "parts": [
            {"role": part.role, "kind": part.kind, "digest": part.digest, "ids": ids}
            for part, (_, ids) in zip(new.parts, members_of(store, new.digest), strict=True)
        ],
        "content": store.put_bytes("training", b"\n".join(ordered) + b"\n", ".jsonl"),
    }  # fmt: skip

    again = rebuild(store, store.put_json("snapshots", old))

    assert again.content == old["content"]
    assert [ids for _, ids in members_of(store, again.digest)] == [ids for _, ids in members_of(store, new.digest)]


@pytest.mark.parametrize("form", ["parquet", "jsonl", "hf"])
def test_an_export_carries_its_tags_and_a_description_that_mlcroissant_accepts(
    team: Team, tmp_path: Path, form: str
) -> None:
    snapshot = made(team, first_generation(team, 80)).snapshot
    out = tmp_path / {"parquet": "set.parquet", "jsonl": "set.jsonl", "hf": "set"}[form]

    count = export(team.workspace, snapshot, form=form, out=out)

    if form == "parquet":
        rows = pq.read_table(out).to_pylist()
    elif form == "jsonl":
        rows = [json.loads(line) for line in out.read_text().splitlines()]
    else:
        with pa.OSFile(str(out / "data-00000-of-00001.arrow")) as file:
            rows = pa.ipc.open_stream(file).read_all().to_pylist()
    assert len(rows) == count
    assert all(digest_of_row(row) == row["tag_digest"] for row in rows)
    description = tmp_path / f"{out.name}.croissant.json"
    value = json.loads(description.read_text())
    assert value["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert value["prov:wasGeneratedBy"]["@id"] == "urn:tailguard:run:main/0"
    assert any("anchor" in origin["prov:label"] for origin in value["prov:wasDerivedFrom"])
    done = subprocess.run(  # noqa: S603  the validator of Croissant
        [sys.executable, "-W", "ignore", "-m", "mlcroissant.scripts.cli", "validate", "--jsonld", str(description)]
        if _has_cli()
        else [str(Path(sys.executable).with_name("mlcroissant")), "validate", "--jsonld", str(description)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Done." in done.stderr + done.stdout


def _has_cli() -> bool:
    from importlib.util import find_spec

    return (
        find_spec("mlcroissant.scripts.cli") is not None and not Path(sys.executable).with_name("mlcroissant").exists()
    )


def test_an_export_that_fails_leaves_nothing_half_written(team: Team, tmp_path: Path) -> None:
    snapshot = made(team, first_generation(team, 60)).snapshot
    (tmp_path / "there").write_text("mine")

    with pytest.raises(InputError, match="exists already"):
        export(team.workspace, snapshot, form="jsonl", out=tmp_path / "there")
    with pytest.raises(InputError, match="--format is parquet, jsonl, hf"):
        export(team.workspace, snapshot, form="xml", out=tmp_path / "new")

    assert [path.name for path in tmp_path.iterdir() if path.name != "team"] == ["there"]


def test_a_difference_says_what_each_set_has_alone(team: Team) -> None:
    first = first_generation(team)
    second = team.run(
        [team.batch("b", team.take(40)), team.batch("c", written_by(team, first, 30, logged=True), "robot", Origin.AI)]
    )

    found = difference.difference(team.workspace, first, made(team, second).snapshot[:10])

    assert found.first.records == 0
    assert found.second.by_part["human, docs"] <= 40
    assert found.second.by_part["synthetic, robot"] <= 30
    assert found.shared == made(team, first).records
    assert found.second.records == made(team, second).records - found.shared
    with pytest.raises(InputError, match="0 training sets are called 'main/7'"):
        difference.difference(team.workspace, first, "main/7")


def test_the_audit_is_signed_by_a_second_role(tmp_path: Path) -> None:
    team = found_team(tmp_path, changes=[('data_lead = ["ada"]', 'data_lead = ["kim", "ada"]')])
    run = first_generation(team, 80)
    note = "Counted the parts against the deliveries."

    with pytest.raises(InputError, match="lin may not audit"):
        audit.audit(team.workspace.as_actor("lin"), run, signed=True, note=note)
    with pytest.raises(InputError, match="ada started main/0 and cannot audit it"):
        audit.audit(team.workspace, run, signed=True, note=note)
    with team.workspace.log.reading() as view:
        before = [finding.what for finding in status(view, now=team.clock.now()).findings]
    audit.audit(team.workspace.as_actor("kim"), run, signed=True, note=note)
    with team.workspace.log.reading() as view:
        after = [finding.what for finding in status(view, now=team.clock.now()).findings]

    assert [audit.signed for audit in facts(team, MixingAudited)] == [True]
    assert any("no data lead has audited" in sentence for sentence in before)
    assert not any("no data lead has audited" in sentence for sentence in after)


def test_a_set_that_drops_the_earlier_human_text_is_a_finding(team: Team) -> None:
    first_generation(team)
    run = runner.start(
        team.workspace, "main", [team.batch("b", team.take(50))], recipe=Recipe(earlier_human=False), seed=0
    )
    runner.advance(team.workspace, run, until="compose")

    (kept,) = facts(team, EarlierHumanKept, run=run)
    (criterion,) = [
        criterion
        for criterion in facts(team, ExitCriterion, run=run)
        if criterion.name is Requirement.HUMAN_TEXT_ACCUMULATES
    ]
    assert (kept.before, kept.kept) == (made(team, "main/0").records, 500)
    assert not criterion.met
    assert criterion.waived_by == Waiver.FINDING
    with team.workspace.log.reading() as view:
        sentences = [finding.what for finding in status(view, now=team.clock.now()).findings]
    assert any("leaves out 44% of the human text" in sentence for sentence in sentences), sentences


@pytest.mark.slow
def test_retraining_from_the_anchor_needs_no_new_records_and_leaves_a_source_out(team: Team) -> None:
    first_generation(team)
    team.run([team.batch("b", team.take(60), "vendor"), team.batch("c", team.take(40))])
    recipe = Recipe(0.0, without=("vendor",), from_anchor=True)

    run = runner.start(team.workspace, "main", [], recipe=recipe, seed=0)
    runner.advance(team.workspace, run)

    sources = {part.source for part in facts(team, CompositionPart, run=run)}
    assert sources == {"anchor docs", "docs"}
    assert made(team, run).ratio_records == 0
    assert made(team, run).records > made(team, "main/0").records


@pytest.mark.slow
def test_the_upper_bound_is_enforced_where_the_policy_says_so(tmp_path: Path) -> None:
    for name, rule, passes in (("point", "ratio", True), ("upper", "upper bound", False)):
        team = found_team(tmp_path / name, changes=[('enforce_on = "ratio"', f'enforce_on = "{rule}"')])
        first = first_generation(team)
        ours = written_by(team, first, 200, logged=True)
        mixed = team.take(380)
        run = runner.start(
            team.workspace,
            "main",
            [team.batch("ours", ours, "robot", Origin.AI), team.batch("mixed", mixed, "editors", Origin.MIXED)],
            recipe=Recipe(),
            seed=0,
        )
        if passes:
            runner.advance(team.workspace, run, until="train")
        else:
            with pytest.raises(Blocked, match=r"over the ceiling.*as tags may be wrong"):
                runner.advance(team.workspace, run, until="train")

        measured = facts(team, RatioMeasured, run=run)
        assert all(ratio.low < ratio.ratio <= 0.3 < ratio.high for ratio in measured)
        assert {ratio.enforced_on for ratio in measured} == {rule}


def test_a_snapshot_can_be_written_again_as_a_file(team: Team, tmp_path: Path) -> None:
    run = first_generation(team, 60)

    count = write_again(team.workspace, made(team, run).snapshot, tmp_path / "again.jsonl")

    assert count == made(team, run).records
    assert (tmp_path / "again.jsonl").read_bytes() == team.workspace.store.bytes(
        "training", made(team, run).content, ".jsonl"
    )
    names = {
        artifact.kind
        for artifact in facts(team, Artifact, run=run)
        if artifact.stage == "compose" and artifact.direction == "out"
    }
    assert names == {"snapshots", "members", "training"}


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(
    st.lists(
        st.tuples(
            ANY_TEXT, st.sampled_from(["a", "b\u2028", 'c"']), st.floats(0, 1), st.integers(0, 10**9), st.booleans()
        ),
        min_size=1,
    )
)
def test_a_training_files_lines_are_what_json_says(rows: list[tuple[str, str, float, int, bool]]) -> None:
    names = ("text", "source", "share", "tokens", "held")
    batch = pa.RecordBatch.from_pylist([dict(zip(names, row, strict=True)) for row in rows])

    wanted = [
        json.dumps({"role": "human", **row}, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        for row in batch.to_pylist()
    ]

    assert lines(batch, "human") == b"\n".join(wanted) + b"\n"
