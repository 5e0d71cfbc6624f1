"""Provenance that can be trusted: declarations, contracts, ledgers, tracing, verifying, reviewers, and what leaves the house."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import get_type_hints

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tailguard
from tailguard import cli
from tailguard.detection import team as detector_team
from tailguard.detection.own_outputs import segments
from tailguard.domain import merkle
from tailguard.domain.facts import (
    BatchTaken,
    Composition,
    DriftChecked,
    Fact,
    LedgerKept,
    OwnOutputFound,
    ReviewDecision,
    ShareEstimated,
)
from tailguard.domain.own_output import MatchKind
from tailguard.domain.reasons import Reason
from tailguard.domain.records import record_id
from tailguard.domain.requests import BatchRequest, Recipe
from tailguard.domain.tags import Evidence, Origin, Tag, digest_of_row, spans_of, spans_text
from tailguard.errors import InputError
from tailguard.exports import export
from tailguard.pipeline import runner
from tailguard.plays.provenance import exchange, quarantine, sources, tracing
from tailguard.plays.status import status
from tailguard.policy.reading import template
from tailguard.runlog.views.references import frozen_anchor
from tailguard.runlog.views.runs import stage_results
from tailguard.store.writing import digest_of
from tailguard.verification.verify import _NAMED, verify
from tailguard.workspace import Workspace
from tests.builders import Team, facts, first_generation, found_team, passages, write_jsonl, written_by
from tests.recording import record, record_policy

NOW = datetime(2026, 3, 1)


def taken_in(team: Team, *batches: BatchRequest) -> list[dict[str, object]]:
    """All records of one intake, advancing and held."""
    run = runner.start(team.workspace, "main", batches, recipe=Recipe(), seed=0)
    runner.advance(team.workspace, run, until="intake")
    with team.workspace.log.reading() as view:
        result = team.workspace.store.json("results", stage_results(view, run)["intake"].fact.output)
    return [
        row for kind in ("records", "quarantine") for row in team.workspace.store.table(kind, result[kind]).to_pylist()
    ]


# Tags and ledgers


@given(st.lists(st.text(max_size=5), max_size=40))
def test_every_leaf_is_proven_by_its_root_and_no_other_leaf_is(leaves: list[str]) -> None:
    root = merkle.root(leaves)

    for place, leaf in enumerate(leaves):
        steps = merkle.proof(leaves, place)
        assert merkle.proves(leaf, steps, root)
        assert not merkle.proves(leaf + "x", steps, root)


def test_the_merkle_root_is_that_of_rfc_6962() -> None:
    """Reference: the tree hashes of certificate transparency's test vectors (empty, one empty leaf)."""
    assert merkle.root([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.root([""]) == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=5))
def test_spans_are_read_back_as_they_were_written(spans: list[tuple[int, int]]) -> None:
    assert spans_of(spans_text(tuple(spans))) == tuple(spans)


def test_each_part_of_a_tag_is_in_its_digest() -> None:
    tag = Tag("id", Origin.MIXED, Evidence.DETECTOR, "why", "who", share=0.5, spans=((1, 2),))
    others = {
        Tag("id2", tag.origin, tag.evidence, tag.reason, tag.by, share=0.5, spans=tag.spans).digest,
        Tag("id", Origin.AI, tag.evidence, tag.reason, tag.by, share=0.5, spans=tag.spans).digest,
        Tag("id", tag.origin, Evidence.REVIEW, tag.reason, tag.by, share=0.5, spans=tag.spans).digest,
        Tag("id", tag.origin, tag.evidence, "how", tag.by, share=0.5, spans=tag.spans).digest,
        Tag("id", tag.origin, tag.evidence, tag.reason, "she", share=0.5, spans=tag.spans).digest,
        Tag(
            "id",
            tag.origin,
            tag.evidence,
            tag.reason,
            tag.by,
            share=0.5,
            spans=tag.spans,
            held_for=Reason.NO_DECLARATION,
        ).digest,
        Tag("id", tag.origin, tag.evidence, tag.reason, tag.by, share=0.4, spans=tag.spans).digest,
        Tag("id", tag.origin, tag.evidence, tag.reason, tag.by, share=0.5, spans=((1, 3),)).digest,
    }

    assert len(others) == 8
    assert tag.digest not in others


def test_a_batch_has_a_ledger_whose_root_stands_in_the_log(team: Team) -> None:
    rows = taken_in(team, team.batch("a", team.take(60)), team.batch("found", team.take(20), "share", Origin.UNKNOWN))

    kept = facts(team, LedgerKept)
    assert [(ledger.source, ledger.tags) for ledger in kept] == [("docs", 60), ("share", 20)]
    for ledger in kept:
        leaves = team.workspace.store.table("ledger", ledger.ledger)["tag_digest"].to_pylist()
        assert merkle.root(leaves) == ledger.root
    assert all(digest_of_row(row) == row["tag_digest"] for row in rows)


# Declarations and contracts


def test_records_declare_their_origin_in_the_fields_that_are_in_use(team: Team) -> None:
    texts = team.take(9)
    declarations: list[dict[str, object]] = [
        {"origin": "ai"},
        {"generation_model": "gpt-x"},
        {"model_name": "human"},
        {"digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"},
        {"prov:wasAttributedTo": {"@type": "prov:Person", "name": "Ada"}},
        {"prov:wasGeneratedBy": {"@type": "prov:Activity", "prov:wasAssociatedWith": {"@type": "prov:SoftwareAgent"}}},
        {"prov:wasAttributedTo": [{"@type": "prov:Person"}, {"@type": "prov:SoftwareAgent"}]},
        {"author": "somebody", "year": 1999},
        {"generation_model": "gpt-x", "prov:wasAttributedTo": {"@type": "prov:Person"}},
    ]
    file = write_jsonl(
        team.workspace.root / "inbox" / "x.jsonl",
        [
            {"text": text, **more}
            for text, more in zip([*texts, *team.take(20)], [*declarations, *({},) * 20], strict=True)
        ],
    )

    rows = {row["text"]: row for row in taken_in(team, BatchRequest(str(file), "mixed bag"))}

    found = [(rows[text]["declared"], rows[text]["declared_by"]) for text in texts[:8]]
    assert found == [
        ("ai", "origin"),
        ("ai", "generation_model"),
        ("human", "model_name"),
        ("ai", "digitalSourceType"),
        ("human", "prov:wasAttributedTo"),
        ("ai", "prov:wasGeneratedBy"),
        ("mixed", "prov:wasAttributedTo"),
        ("unknown", ""),
    ]
    assert json.loads(str(rows[texts[7]]["meta"])) == {"author": "somebody", "year": 1999}
    assert texts[8] not in rows, "fields that contradict each other are a reject with a reason"


def test_columns_are_named_in_the_policy_for_all_and_for_one_source(tmp_path: Path) -> None:
    team = found_team(tmp_path / "t", changes=[('origin = "origin" ', 'origin = "who" ')])
    policy = team.workspace.root / "policy.toml"
    policy.write_text(policy.read_text() + '\n[columns.sources."vendor"]\ntext = "body"\norigin = "label"\n')
    of_docs, of_vendor = team.take(2)
    docs = write_jsonl(tmp_path / "docs.jsonl", [{"text": of_docs, "who": "ai"}])
    vendor = write_jsonl(tmp_path / "vendor.jsonl", [{"body": of_vendor, "label": "human"}])

    rows = taken_in(team, BatchRequest(str(docs), "docs"), BatchRequest(str(vendor), "vendor"))

    assert {(row["source"], row["declared"], row["declared_by"]) for row in rows} == {
        ("docs", "ai", "who"),
        ("vendor", "human", "label"),
    }


def test_a_source_that_declares_other_than_its_contract_is_held_with_both_shown(team: Team) -> None:
    sources.declare(team.workspace, "vendor", owner="Eve", licence="bought", declared="ai", since=NOW, note="")

    rows = taken_in(team, team.batch("v", team.take(5), "vendor", Origin.HUMAN))

    assert {row["reason"] for row in rows} == {"batch declares human, the contract of its source says ai"}
    assert all(row["held"] and row["origin"] == "unknown" for row in rows)


def test_where_sign_off_is_required_only_signed_contracts_are_believed(tmp_path: Path) -> None:
    team = found_team(tmp_path, changes=[("require_sign_off = false", "require_sign_off = true")])
    sources.declare(team.workspace, "docs", owner="Ada", licence="PSF", declared="human", since=NOW, note="stdlib")

    before = taken_in(team, team.batch("a", team.take(5), "docs", Origin.UNKNOWN))
    sources.sign(team.workspace, "docs", note="checked")
    after = taken_in(team, team.batch("b", team.take(5), "docs", Origin.UNKNOWN))

    assert {row["reason"] for row in before} == {"declared human by a source whose contract is not signed"}
    assert {(row["origin"], row["by"], row["declared_by"]) for row in after} == {("human", "ada", "contract")}
    with pytest.raises(InputError, match=r"may not sign sources off\. The policy names ada"):
        sources.sign(team.workspace.as_actor("lin"), "docs", note="")
    with pytest.raises(InputError, match="no contract with 'web'"):
        sources.sign(team.workspace, "web", note="")
    sources.declare(team.workspace, "docs", owner="Ada", licence="PSF", declared="mixed", since=NOW, note="")
    assert sources.current(team.workspace)["docs"].signed_by is None, "a new contract needs a new signature"


# Our own output


def test_a_passage_of_ours_makes_a_record_mixed_by_its_share_and_is_an_observed_edge(team: Team) -> None:
    first = first_generation(team)
    ours = [text for text in written_by(team, first, 400, logged=True) if len(text.split()) >= 30][:8]
    humans = [" ".join(team.take(4)) for _ in ours]
    pasted = [f"{human} {text}" for human, text in zip(humans, ours, strict=True)]

    rows = taken_in(team, team.batch("v", [*pasted, *humans], "vendor"))

    mixed = [row for row in rows if row["evidence"] == "own output"]
    assert len(mixed) >= 6
    for row in mixed:
        assert row["origin"] == "mixed"
        assert 0.05 < float(str(row["share"])) < 0.95
        (start, stop), *_ = spans_of(str(row["spans"]))
        assert str(row["text"])[start:stop].split()[0] in " ".join(ours)
    edges = facts(team, OwnOutputFound)
    assert {(edge.generation, edge.source, edge.kind) for edge in edges} == {(first, "vendor", MatchKind.PASSAGE)}
    with team.workspace.log.reading() as view:
        found = status(view, now=team.clock.now()).findings
    assert any("are our own: contains a passage of main/0" in finding.what for finding in found)


def test_shares_and_drift_of_a_batch_are_in_the_log(team: Team) -> None:
    long = [" ".join(team.take(4)) for _ in range(80)]

    taken_in(team, team.batch("a", long))

    assert {(estimate.pool, estimate.method) for estimate in facts(team, ShareEstimated)} == {
        ("batch", "PACC"),
        ("batch", "SLD"),
    }
    (drift,) = facts(team, DriftChecked)
    assert 0 <= drift.distance <= 1
    assert drift.records > 50


# Interruption


class Impatient:
    """Interrupts a reading after 120 records."""

    def stage(self, run: str, stage: str) -> None: ...

    def reading(self, _file: str, records: int, _share: float) -> None:
        if records > 120:
            raise KeyboardInterrupt

    def output(self, line: str) -> None: ...


def test_a_reading_that_was_interrupted_goes_on_and_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tailguard.stages.intake import reading

    monkeypatch.setattr(reading, "CHUNK", 16)
    monkeypatch.setattr(reading, "PART", 2)
    texts = [*passages()[:150], "", *passages()[100:300]]
    results = []
    for name in ("whole", "cut"):
        team = found_team(tmp_path / name)
        file = write_jsonl(team.workspace.root / "inbox" / "x.jsonl", [{"text": text} for text in texts])
        run = runner.start(team.workspace, "main", [BatchRequest(str(file), "docs", "human")], recipe=Recipe(), seed=0)
        if name == "cut":
            with pytest.raises(KeyboardInterrupt):
                runner.advance(team.workspace, run, until="intake", watch=Impatient())
            assert list((team.workspace.store.root / ".intake").rglob("part-*.parquet")), "what was read is kept"
        runner.advance(team.workspace, run, until="intake")
        (batch,) = facts(team, BatchTaken)
        (ledger,) = facts(team, LedgerKept)
        results.append((batch, ledger.root, ledger.ledger))
        assert not list((team.workspace.store.root / ".intake").rglob("part-*.parquet"))

    assert results[0] == results[1]
    assert (results[0][0].read, results[0][0].rejected, results[0][0].duplicates) == (350, 1, 50)


# Trace and verify


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Team:
    """A team with two generations, a held batch, and a decision that the second run took up."""
    team = found_team(tmp_path_factory.mktemp("used"))
    team.run([team.batch("a", team.take(200)), team.batch("found", team.take(30), "share", Origin.UNKNOWN)])
    chosen = [record.id for record in quarantine.waiting(team.workspace)][:3]
    quarantine.decide(team.workspace, chosen, origin=Origin.HUMAN, code="checked", note="in the archive")
    team.run([team.batch("b", team.take(100))])
    return team


def test_a_trace_tells_source_evidence_decisions_and_every_use(used: Team) -> None:
    decided = facts(used, ReviewDecision)[0].record

    found = tracing.trace(used.workspace, decided[:12])

    assert [(tag.run, tag.origin, tag.held, tag.evidence, tag.proven) for tag in found.tags] == [
        ("main/0", "unknown", True, "none", True),
        ("main/1", "human", False, "review", True),
    ]
    assert [(answer.by, answer.code, answer.note) for answer in found.answers] == [("ada", "checked", "in the archive")]
    assert [(use.run, use.role, use.generation) for use in found.uses] == [("main/1", "human", "main/1")]
    assert "used in 1 training set." in found.sentence


def test_a_record_is_traced_by_its_text_and_an_unknown_one_says_so(used: Team) -> None:
    text = passages()[1000]
    fresh = tracing.trace(used.workspace, "a text that nobody has ever handed in")
    inside = tracing.trace(used.workspace, used.workspace.store.table("anchors", _anchor(used))["text"][0].as_py())

    assert not fresh.known
    assert "was never taken in" in fresh.sentence
    assert inside.anchor == "docs"
    assert record_id(text) == tracing.trace(used.workspace, text).record


def _anchor(team: Team) -> str:

    with team.workspace.log.reading() as view:
        found = frozen_anchor(view)
    assert found
    return found.fact.anchor


def test_an_untouched_workspace_verifies(used: Team) -> None:
    found = verify(used.workspace)

    assert found.problems == ()
    assert found.tags > 1000
    assert found.ledgers == 4


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_changed_byte_anywhere_in_the_store_is_found_and_named(used: Team, data: st.DataObject) -> None:
    files = sorted(
        path
        for path in used.workspace.store.root.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(used.workspace.store.root).parts)
    )
    path = data.draw(st.sampled_from(files))
    content = path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    try:
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        found = verify(used.workspace)
    finally:
        path.write_bytes(content)

    assert any(path.stem in problem.where or path.parent.name in problem.where for problem in found.problems), path


def test_a_tag_that_was_changed_together_with_its_file_name_is_found_by_the_root(used: Team, tmp_path: Path) -> None:
    shutil.copytree(used.workspace.root, tmp_path / "copy")
    copy = Workspace(tmp_path / "copy", "eve")
    (ledger,) = facts(used, LedgerKept, source="share")
    rows = copy.store.table("ledger", ledger.ledger).to_pylist()
    rows[0] |= {"origin": "human", "held": False}
    rows[0]["tag_digest"] = digest_of_row(rows[0])
    forged = copy.store.put_table(
        "ledger", pa.Table.from_pylist(rows, schema=copy.store.table("ledger", ledger.ledger).schema)
    )
    copy.store.path("ledger", forged, ".parquet").rename(copy.store.path("ledger", ledger.ledger, ".parquet"))

    found = verify(copy)

    assert any("Merkle root is not the one in the run log" in problem.what for problem in found.problems)


FOLDERS = (
    "anchors", "fingerprints", "handoffs", "ledger", "members", "outputs", "quarantine", "records", "rejects",
    "reports", "requests",
    "results", "scored", "snapshots", "suites", "training", "weights",
)  # fmt: skip


@pytest.fixture(scope="module")
def copied(used: Team, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy of the used workspace, from which tests take things and put them back."""
    root = tmp_path_factory.mktemp("copied") / "workspace"
    shutil.copytree(used.workspace.root, root)
    return Workspace(root, "ada")


@contextmanager
def taken_away(path: Path) -> Iterator[None]:
    away = path.with_name(f".{path.name}.away")
    path.rename(away)
    try:
        yield
    finally:
        away.rename(path)


def test_every_folder_of_the_store_is_taken_away_below(copied: Workspace) -> None:
    assert {path.name for path in copied.store.root.iterdir() if not path.name.startswith(".")} == set(FOLDERS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_of_the_store_that_is_gone_is_a_problem_with_its_count_and_a_remedy(
    copied: Workspace, folder: str
) -> None:
    contents = sorted(path.name.partition(".")[0] for path in (copied.store.root / folder).iterdir())

    with taken_away(copied.store.root / folder):
        (problem,) = verify(copied).problems

    assert problem.where == f"store/{folder}"
    assert f"missing: {len(contents)} of {len(contents)} file" in problem.what
    assert contents[0][:16] in problem.what
    assert f"Restore {copied.store.root / folder} from a backup" in problem.what


def test_a_store_that_is_gone_lacks_every_folder_and_the_command_ends_with_3(
    copied: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    with taken_away(copied.store.root):
        code = cli.run(["verify", "-w", str(copied.root)])

    printed = capsys.readouterr()
    assert code == 3
    assert [line.partition(":")[0] for line in printed.out.splitlines()[1:]] == [
        f"store/{folder}" for folder in FOLDERS
    ]


def test_one_content_that_is_gone_is_counted_among_those_that_are_there(copied: Workspace) -> None:
    path = min((copied.store.root / "outputs").iterdir())

    with taken_away(path):
        (problem,) = verify(copied).problems

    assert problem.what.startswith(f"missing: 1 of 4 files that the log names, such as {path.stem[:16]}.")


def test_a_content_that_was_cut_short_is_a_change(copied: Workspace) -> None:
    path = min((copied.store.root / "results").iterdir())
    content = path.read_bytes()

    try:
        path.write_bytes(content[: len(content) // 2])
        problems = verify(copied).problems
    finally:
        path.write_bytes(content)

    assert [(problem.where, problem.what[:8]) for problem in problems] == [(f"results/{path.name}", "changed:")]


@pytest.mark.parametrize("name", ["policy.toml", "flows.yaml", "runlog.witness"])
def test_a_file_beside_the_log_that_is_gone_is_a_problem_with_a_remedy(copied: Workspace, name: str) -> None:
    with taken_away(copied.root / name):
        (problem,) = verify(copied).problems

    assert problem.where == name
    assert problem.what.startswith("missing: restore it from a backup")


def test_a_log_that_is_kept_elsewhere_is_verified_with_the_policy_of_its_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shared").mkdir()
    monkeypatch.setenv("TAILGUARD_RUNLOG", f"duckdb:///{tmp_path / 'shared' / 'team.duckdb'}")
    team = found_team(tmp_path / "team")
    record_policy(team.workspace)

    whole = verify(team.workspace)
    (team.workspace.root / "policy.toml").rename(tmp_path / "shared" / "policy.toml")
    without = verify(team.workspace)

    assert whole.problems == ()
    assert [problem.where for problem in without.problems] == ["policy.toml"]


def test_a_witness_file_that_was_cut_short_is_a_problem_of_its_line(copied: Workspace) -> None:
    witness = copied.root / "runlog.witness"
    lines = witness.read_text().splitlines()

    try:
        witness.write_text("\n".join([*lines[:2], lines[2][:-40]]))
        (problem,) = verify(copied).problems
    finally:
        witness.write_text("\n".join(lines) + "\n")

    assert problem.where == "runlog.witness#3"


def filled(kind: type[Fact], **given: str) -> Fact:
    """A fact of a kind with some values, as no stage would make it."""
    plain: dict[object, object] = {str: "main", int: 1, float: 0.5, bool: True, datetime: NOW}
    hints = get_type_hints(kind)
    enums = {hint: next(iter(hint)) for hint in hints.values() if isinstance(hint, type) and issubclass(hint, StrEnum)}
    values = {field.name: (plain | enums).get(hints[field.name]) for field in fields(kind)}
    return kind(**{**values, **given})


def test_every_fact_that_names_a_content_is_missed_when_it_is_gone(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(template("ada"))
    workspace = Workspace(tmp_path, "ada")
    record_policy(workspace)
    named = {folder: (kind, field) for kind, field, folder in _NAMED}
    digests = {folder: digest_of(folder.encode()) for folder in named}
    record(workspace, *(filled(kind, **{field: digests[folder]}) for folder, (kind, field) in named.items()))

    problems = {problem.where: problem.what for problem in verify(workspace).problems}

    assert set(problems) == {f"store/{folder}" for folder in named}
    assert all(digests[folder][:16] in problems[f"store/{folder}"] for folder in named)


def test_every_folder_that_the_code_writes_to_is_verified() -> None:
    writes = re.compile(r"\b(?:put_\w+|table_writer|file_writer)\(\s*(?:\"(\w+)\"|([\w.]*KIND))")
    written = {
        match[1] or {"KIND": path.stem}[match[2].rpartition(".")[2]]
        for path in Path(tailguard.__file__).parent.rglob("*.py")
        for match in writes.finditer(path.read_text(encoding="utf-8"))
    }

    known = {folder for _, _, folder in _NAMED} | set(FOLDERS)

    assert written - known == {"segments", "team"}, "KIND of these modules"
    assert {segments.KIND, detector_team.KIND} <= known


# Reviewers


def test_two_blind_reviewers_settle_a_record_only_together(tmp_path: Path) -> None:
    team = found_team(
        tmp_path, changes=[("reviewers = 1", "reviewers = 2"), ('reviewer = ["ada"]', 'reviewer = ["sam", "kim"]')]
    )
    taken_in(team, team.batch("found", team.take(4), "share", Origin.UNKNOWN))
    ids = [record.id for record in quarantine.waiting(team.workspace)]
    sam, kim = team.workspace.as_actor("sam"), team.workspace.as_actor("kim")

    settled = [quarantine.decide(sam, ids, origin=Origin.HUMAN, code="style")]
    unseen_by_kim = quarantine.waiting(kim, reviewer="kim")
    settled.append(quarantine.decide(kim, ids[:3], origin=Origin.HUMAN, code="style"))
    settled.append(quarantine.decide(kim, ids[3:], origin=Origin.AI, code="marks"))
    settled.append(quarantine.decide(team.workspace, ids[3:], origin=Origin.AI, code="checked"))

    assert settled == [0, 3, 0, 1], "the quality owner's answer settles what two reviewers differ on"
    assert len(unseen_by_kim) == 4
    assert quarantine.waiting(sam, reviewer="sam") == []
    with team.workspace.log.reading() as view:
        agreement = quarantine.agreement(view)
    assert agreement.pairs == 4
    assert agreement.kappa == pytest.approx(0.0), "one of the two said human throughout"


def test_a_decision_is_taken_back_until_a_run_has_used_it(team: Team) -> None:
    first_generation(team)
    taken_in(team, team.batch("found", team.take(5), "share", Origin.UNKNOWN))
    first, second, *_ = [record.id for record in quarantine.waiting(team.workspace)]
    quarantine.decide(team.workspace, [first, second], origin=Origin.AI, code="style")

    assert quarantine.take_back(team.workspace, [first]) == 1
    assert first in [waiting.id for waiting in quarantine.waiting(team.workspace)]
    team.run([team.batch("b", team.take(50))], ship=False)
    with pytest.raises(InputError, match="taken up by a run already"):
        quarantine.take_back(team.workspace, [second])
    with pytest.raises(InputError, match=r"was taken back by ada .*; it waits again"):
        quarantine.take_back(team.workspace, [first])
    assert [fact.origin for fact in facts(team, ReviewDecision, record=first)] == ["ai", "unknown"], "nothing is edited"


def test_a_group_of_near_duplicates_comes_first_in_the_queue(team: Team) -> None:
    single, *rest = [text for text in team.take(300) if len(text.split()) > 40][:3]
    copies = [f"{rest[0]} Number {number}." for number in range(4)]
    taken_in(team, team.batch("found", [single, *copies], "share", Origin.UNKNOWN))

    queue = quarantine.waiting(team.workspace)

    assert [record.settles for record in queue] == [4, 4, 4, 4, 1]
    assert len({record.cluster for record in queue[:4]}) == 1


# Reviewers who work elsewhere


@pytest.fixture
def waiting_team(team: Team) -> Team:
    hostile = ['=HYPERLINK("http://evil") is what it said, and some more words follow', *team.take(3)]
    taken_in(team, team.batch("found", hostile, "share", Origin.UNKNOWN))
    return team


def test_a_spreadsheet_goes_out_disarmed_and_its_answers_come_back(waiting_team: Team, tmp_path: Path) -> None:
    space, out = waiting_team.workspace, tmp_path / "queue.csv"
    assert exchange.export_queue(space, form="csv", out=out) == 4
    rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8-sig"))))
    assert not any(str(cell).startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    rows[0] |= {"decision": "Human", "code": "checked", "note": "seen"}
    rows[1] |= {"decision": "cannot tell"}
    rows[2] |= {"decision": "robot"}
    with out.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)

    found = exchange.import_answers(space, out)

    assert (found.answers, found.settled) == (2, 1)
    assert [refusal.reason for refusal in found.refused] == [
        "decision is 'robot', expected human, ai, mixed or cannot tell"
    ]
    assert len(quarantine.waiting(space)) == 3


def test_argilla_and_label_studio_answers_come_back(waiting_team: Team, tmp_path: Path) -> None:
    space = waiting_team.workspace
    exchange.export_queue(space, form="argilla", out=tmp_path / "a.json")
    exchange.export_queue(space, form="label-studio", out=tmp_path / "l.json")
    records, tasks = (json.loads((tmp_path / name).read_text()) for name in ("a.json", "l.json"))
    records[0]["responses"] = {"origin": [{"value": "ai", "status": "submitted"}], "code": [{"value": "marks"}]}
    records[1]["responses"] = {"origin": [{"value": "human", "status": "draft"}]}
    tasks[2]["annotations"] = [
        {
            "result": [{"from_name": "origin", "value": {"choices": ["mixed"]}}],
            "lead_time": 12.5,
            "was_cancelled": False,
        }
    ]
    for name, rows in (("a.json", records), ("l.json", tasks)):
        (tmp_path / name).write_text(json.dumps(rows))

    found = [exchange.import_answers(space, tmp_path / name) for name in ("a.json", "l.json")]

    assert [(tally.answers, tally.settled, tally.refused) for tally in found] == [(1, 1, ()), (1, 1, ())]
    decided = {fact.record: (fact.origin, fact.reason) for fact in facts(waiting_team, ReviewDecision)}
    assert decided == {records[0]["id"]: ("ai", "marks"), tasks[2]["data"]["record"]: ("mixed", "style")}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "data", "annotations", "responses", "origin", "result", "value", "choices", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bad=st.one_of(
        st.binary(max_size=300), st.lists(json_values, max_size=4).map(lambda rows: json.dumps(rows).encode())
    )
)
def test_no_import_crashes_and_a_good_answer_among_bad_ones_is_read(tmp_path: Path, bad: bytes) -> None:
    (tmp_path / "x").write_bytes(bad)
    try:
        rows = json.loads(bad.decode("utf-8"))
    except ValueError:
        rows = None
    if isinstance(rows, list):
        good = {"id": "good", "responses": {"origin": [{"value": "human"}]}}
        (tmp_path / "x").write_text(json.dumps([*rows, good]))

    try:
        found = list(exchange.read_answers(tmp_path / "x"))
    except InputError:
        assert not isinstance(rows, list)
        return

    if isinstance(rows, list):
        assert isinstance(found[-1], exchange.Answered)
        assert found[-1].record == "good"


# What leaves the house


def test_exports_carry_each_records_tag_in_every_format(used: Team, tmp_path: Path) -> None:
    snapshot = facts(used, Composition, run="main/1")[0].snapshot
    for form in export.FORMATS:
        export.export(used.workspace, snapshot, form=form, out=tmp_path / form)
    read = {
        "parquet": pq.read_table(tmp_path / "parquet").to_pylist(),
        "jsonl": [json.loads(line) for line in (tmp_path / "jsonl").read_text().splitlines()],
        "hf": pa.ipc.open_stream((tmp_path / "hf" / "data-00000-of-00001.arrow").read_bytes()).read_all().to_pylist(),
    }

    assert read["parquet"] == read["jsonl"] == read["hf"]
    assert all(digest_of_row(row) == row["tag_digest"] for row in read["parquet"])
    assert snapshot in str(pq.read_schema(tmp_path / "parquet").metadata)
    with pytest.raises(InputError, match="exists already"):
        export.export(used.workspace, snapshot, form="parquet", out=tmp_path / "parquet")
    with pytest.raises(InputError, match="--format is"):
        export.export(used.workspace, snapshot, form="xml", out=tmp_path / "other")


def test_an_exported_data_set_comes_back_with_its_origins(used: Team, tmp_path: Path) -> None:
    from tailguard.adapters.readers import WHOLE, reader_for
    from tailguard.ports import RawRecord

    snapshot = facts(used, Composition, run="main/1")[0].snapshot
    count = export.export(used.workspace, snapshot, form="hf", out=tmp_path / "set")

    rows = list(reader_for(str(tmp_path / "set"))(str(tmp_path / "set"), WHOLE))

    assert len(rows) == count
    assert all(isinstance(row, RawRecord) and row.declared == "human" for row in rows)


def test_the_same_file_from_two_sources_counts_once(team: Team) -> None:
    texts = team.take(30)

    taken_in(team, team.batch("same", texts, "docs"), team.batch("same", texts, "mirror"))

    assert [
        (batch.source, batch.read, batch.duplicates, batch.confident + batch.held) for batch in facts(team, BatchTaken)
    ] == [
        ("docs", 30, 0, 30),
        ("mirror", 30, 30, 0),
    ]
