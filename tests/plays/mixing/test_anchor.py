"""The anchor set changes only within its bounds, is verified byte by byte, and its age and slices are findings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tailguard.adapters.readers import WHOLE, reader_for
from tailguard.domain.facts import AnchorChanged, AnchorVerified, Composition, Fact
from tailguard.errors import InputError, TailguardError
from tailguard.plays.mixing import anchor
from tailguard.plays.status import status
from tailguard.workspace import Workspace
from tests.builders import Team, facts, first_generation, found_team, write_jsonl, written_by

WHY = "The legal team cleared these manuals in May."


def file_of(team: Team, texts: list[str], name: str = "more") -> Path:
    return write_jsonl(team.workspace.root / f"{name}.jsonl", [{"text": text} for text in texts])


def add(team: Team, texts: list[str], reason: str = WHY) -> int:
    file = file_of(team, texts)
    return anchor.add(team.workspace, file, reason=reason, reader=reader_for(str(file)), columns=WHOLE)


def test_an_anchor_grows_within_the_year_and_the_next_set_holds_all_of_it(team: Team) -> None:
    before = anchor.show(team.workspace)
    first = first_generation(team)

    assert add(team, team.take(100)) == 100
    second = team.compose([team.batch("b", team.take(60))])

    after = anchor.show(team.workspace)
    assert (before.records, after.records) == (500, 600)
    assert (before.may_add, after.may_add) == (125, 25)
    sets = [facts(team, Composition, run=run)[0] for run in (first, second)]
    assert [training_set.anchor_records for training_set in sets] == [500, 600]
    assert sets[1].anchor == after.anchor != before.anchor
    assert [change.action for change in facts(team, AnchorChanged)] == ["added"]


def test_changes_beyond_the_years_bound_and_wholesale_replacement_are_refused(team: Team) -> None:
    with pytest.raises(InputError, match="126 records would be added; the policy leaves 125"):
        add(team, team.take(126))
    add(team, team.take(120))
    with pytest.raises(InputError, match="leaves 5 within a year"):
        add(team, team.take(6))
    file = file_of(team, team.take(10))
    with pytest.raises(InputError, match="never replaced wholesale"):
        anchor.freeze(team.workspace, file, name="new", reader=reader_for(str(file)), columns=WHOLE)
    team.clock.move(370)

    assert anchor.show(team.workspace).may_add == 155
    assert add(team, team.take(6)) == 6


def test_records_are_retired_by_id_within_the_bound(team: Team) -> None:
    ids = team.workspace.store.table("anchors", anchor.show(team.workspace).anchor)["id"].to_pylist()

    assert anchor.retire(team.workspace, [ids[0], ids[1][:12]], reason="Their licence ended in June.") == 2
    with pytest.raises(InputError, match="0 anchor records start with"):
        anchor.retire(team.workspace, [ids[0]], reason="Their licence ended in June.")
    with pytest.raises(InputError, match="the policy leaves 23"):
        anchor.retire(team.workspace, ids[10:40], reason="Their licence ended in June.")

    assert anchor.show(team.workspace).records == 498


@pytest.mark.parametrize(
    ("actor", "reason", "message"),
    [("lin", WHY, "lin may not change the anchor"), ("ada", "because", "reason of at least 10 letters")],
)
def test_only_the_owner_changes_it_and_says_why(team: Team, actor: str, reason: str, message: str) -> None:
    file = file_of(team, team.take(5))

    with pytest.raises(InputError, match=message):
        anchor.add(team.workspace.as_actor(actor), file, reason=reason, reader=reader_for(str(file)), columns=WHOLE)


def test_what_is_there_already_is_not_added_again(team: Team) -> None:
    rows = team.workspace.store.table("anchors", anchor.show(team.workspace).anchor)["text"].to_pylist()

    with pytest.raises(InputError, match="holds no record that the anchor lacks"):
        add(team, rows[:10])


def test_our_own_output_and_the_suite_never_enter_the_anchor(tmp_path: Path) -> None:
    long = "in the beginning nobody knew which of the seven measures would fall first and by how much it would fall"
    team = found_team(tmp_path, long_prompt=long)
    first = first_generation(team)
    ours = written_by(team, first, 20, logged=True)

    with pytest.raises(InputError, match="is our own output"):
        add(team, [*team.take(3), ours[0]])
    with pytest.raises(InputError, match="shares a long run of words with prompt 'long'"):
        add(team, [*team.take(3), f"As they say: {long}."])

    assert anchor.show(team.workspace).records == 500


def test_one_changed_byte_is_found_and_logged(team: Team) -> None:
    first_generation(team)
    assert anchor.verify(team.workspace) == 500
    path = team.workspace.store.path("anchors", anchor.show(team.workspace).anchor, ".parquet")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(TailguardError, match="The anchor was changed"):
        anchor.verify(team.workspace)

    assert [check.intact for check in facts(team, AnchorVerified)] == [True, False]
    with team.workspace.log.reading() as view:
        found = status(view, now=team.clock.now())
    assert any(
        "the anchor was found changed" in finding.what and finding.severity == "high" for finding in found.findings
    )


def test_a_stale_or_thin_anchor_is_a_finding(tmp_path: Path) -> None:
    team = found_team(tmp_path, changes=[("min_records = 500", "min_records = 5000")])
    team.clock.move(400)
    team.compose([team.batch("b", team.take(50))])

    with team.workspace.log.reading() as view:
        sentences = [finding.what for finding in status(view, now=team.clock.now()).findings]

    assert "the anchor is thin: 500 records, 5,000 wanted" in sentences
    assert any(sentence.startswith("the anchor is stale: nothing was added since 2026-03-02") for sentence in sentences)


def test_two_people_who_change_it_at_once_do_not_lose_a_change(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = anchor._keep

    def slow(
        workspace: Workspace, rows: list[dict[str, object]], name: str, slice_field: str
    ) -> tuple[str, list[Fact]]:
        made = kept(workspace, rows, name, slice_field)
        monkeypatch.setattr(anchor, "_keep", kept)
        add(team, team.take(5))
        return made

    monkeypatch.setattr(anchor, "_keep", slow)
    with pytest.raises(InputError, match="Somebody else has changed the anchor meanwhile"):
        add(team, team.take(5))

    assert anchor.show(team.workspace).records == 505


@pytest.mark.slow
def test_a_record_that_comes_into_the_anchor_does_not_stand_in_the_next_set_twice(team: Team) -> None:
    from tailguard.domain.facts import EarlierHumanKept
    from tailguard.store.snapshots import members_of

    founding = team.take(300)
    first = team.run([team.batch("founding", founding)])
    add(team, founding[:40])
    second = team.compose([team.batch("b", team.take(30))])

    before, after = (facts(team, Composition, run=run)[0] for run in (first, second))
    ids = [identity for _, inside in members_of(team.workspace.store, after.snapshot) for identity in inside]
    assert len(ids) == len(set(ids)) == after.records
    assert after.anchor_records == 540
    (kept,) = facts(team, EarlierHumanKept, run=second)
    assert kept.kept == kept.before == before.records, "what moved into the anchor was not left out"
