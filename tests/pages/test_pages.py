"""What people read and decide on pages."""

from __future__ import annotations

import json
import os
import re
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tailguard.domain.gates import Gate
from tailguard.domain.records import record_id
from tailguard.domain.tags import Origin
from tailguard.workspace import Workspace
from tests.builders import ANCHOR, PROMPTS, passages
from tests.logs import Catalogue, log_alone
from tests.pages.opening import acting_as, answered, button, opened, page_text, traced


def test_the_overview_says_in_one_sentence_whether_the_newest_may_ship(catalogue: Catalogue) -> None:
    app = opened(catalogue["one_run"], "overview")

    assert "main/0 may ship: first generation of its lineage" in page_text(app)
    assert [metric.label for metric in app.metric] == [
        "Newest verdict",
        "Synthetic ratio",
        "Provenance coverage",
        "Open overrides",
    ]


def test_the_overview_says_that_a_set_over_its_ceiling_may_not_be_trained(catalogue: Catalogue) -> None:
    app = opened(catalogue["blocked"], "overview")

    assert re.search(r"✖ main/\d may not be trained: over the ceiling: [\d.]+% of records", page_text(app))
    assert "high" in app.dataframe[1].value["severity"].iloc[0]


def test_the_mixing_page_shows_the_job_that_was_blocked(catalogue: Catalogue) -> None:
    app = opened(catalogue["blocked"], "mixing")

    assert "over the ceiling of 30%" in page_text(app)
    assert next(metric for metric in app.metric if metric.label == "Jobs over the ceiling").value == "1"


def test_the_runs_page_shows_where_an_interrupted_run_stopped(catalogue: Catalogue) -> None:
    app = opened(catalogue["interrupted"], "runs")

    assert "main/0 is at score" in page_text(app)
    assert "○ compose" in page_text(app)


def test_a_run_in_progress_shows_its_stage(catalogue: Catalogue) -> None:
    app = opened(catalogue["being_written"], "overview")

    assert "has no verdict yet; it is at score" in page_text(app)


def test_provenance_names_what_is_held_and_why(catalogue: Catalogue) -> None:
    app = opened(catalogue["long"], "provenance")
    app.session_state["open-reasons"] = True
    app.run()

    assert next(metric for metric in app.metric if metric.label == "Waiting for a person").value == "40"
    frames = [frame.value for frame in app.dataframe]
    assert any("reason" in frame and (frame["reason"] == "no declared origin").any() for frame in frames)


def test_an_override_can_be_asked_for_and_not_approved_by_oneself(catalogue: Catalogue, tmp_path: Path) -> None:
    shutil.copytree(catalogue["blocked"], tmp_path / "copy")
    with acting_as("lin"):
        app = opened(tmp_path / "copy", "overrides")
        app.selectbox(key="asked").select("ratio gate of main/1")
        app.text_input(key="asked_reason").input("needed for the launch")
        button(app, "Ask").click().run()
        assert "override-1 requested" in " ".join(message.value for message in app.success).replace("\\", "")
        app.selectbox(key="chosen").select("override-1")
        button(app, "Record the decision").click().run()

    assert not app.exception
    assert "lin may not decide on overrides" in " ".join(message.value for message in app.error).replace("\\", "")


def test_a_meeting_is_walked_through_and_a_reload_loses_nothing(catalogue: Catalogue, tmp_path: Path) -> None:
    shutil.copytree(catalogue["in_meeting"], tmp_path / "copy")
    with acting_as("ada"):
        app = opened(tmp_path / "copy", "overrides")
        assert "override-1: ratio gate of main/0" in page_text(app)
        assert "<b>" not in "".join(part.value for part in app.markdown)
        button(app, "Refuse").click().run()
        refused = " ".join(message.value for message in app.error).replace("\\", "")
        app.text_area(key="note-override-1").input("Its training is over, so nothing needs it.").run()
        button(app, "Refuse").click().run()
        decided = " ".join(message.value for message in app.success).replace("\\", "")
        again = opened(tmp_path / "copy", "overrides")
        for name in ("override-2", "override-3"):
            assert again.text_area(key=f"note-{name}").value == "", "no item begins with another's note"
            again.text_area(key=f"note-{name}").input("Nobody needs it any more, says the team.").run()
            button(again, "Close").click().run()
        finished = page_text(again)
        button(again, "End the meeting").click().run()

    assert not app.exception
    assert not again.exception
    assert "note of at least 10 letters" in refused
    assert "override-1 refused" in decided
    assert "meeting-1: item by item" not in page_text(again), (finished, page_text(again))
    assert "3 decided, 0 left open" in page_text(again)


def test_the_diversity_page_shows_secondary_measures_and_the_streams_that_are_watched(
    catalogue: Catalogue,
) -> None:
    app = opened(catalogue["watched"], "diversity")

    assert "Secondary measures" in page_text(app)
    shown = [frame.value for frame in app.dataframe]
    assert any("p_holm" in frame for frame in shown)
    assert any("fell past the margin" in "".join(frame["what"]) for frame in shown if "what" in frame)
    assert "In alarm" not in page_text(opened(catalogue["long"], "diversity"))


def test_the_overview_says_what_is_in_production_and_what_is_frozen(catalogue: Catalogue) -> None:
    words = page_text(opened(catalogue["watched"], "overview"))

    assert "In production: **main/1**" in words
    assert "main/1 is frozen" in words


def test_the_gate_is_tested_again_from_its_page_and_its_report_can_be_kept(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(catalogue["watched"], folder)
    with acting_as("ada"):
        app = opened(folder, "gates")
        assert "Full report" in [box.label for box in app.selectbox]

        app.button(key="test").click().run()

    assert "self-tests of main/1 were as they should be" in "".join(message.value for message in app.success).replace(
        "\\", ""
    )


def test_the_mixing_page_carries_bounds_reasons_and_records(catalogue: Catalogue) -> None:
    app = opened(catalogue["long"], "mixing")

    assert "as its tags may be wrong" in page_text(app)
    assert next(metric.value for metric in app.metric if metric.label == "Head-room, records") != "0"
    app.selectbox(key="outcome").select("kept").run()
    records = next(frame.value for frame in app.dataframe if "why" in frame.value)
    assert (records["quality"] <= 1).all()
    assert records["why"].str.contains("tag rests on declaration").all()
    app.button(key="compare").click().run()
    assert not app.exception
    assert "records are in both" in page_text(app)


def test_a_reviewer_works_through_the_queue_and_takes_an_answer_back(catalogue: Catalogue, tmp_path: Path) -> None:
    shutil.copytree(catalogue["long"], tmp_path / "copy")
    with acting_as("ada"):
        app = opened(tmp_path / "copy", "quarantine")
        before = app.metric[0].value
        app.selectbox(key="code").select("checked")
        button(app, "Human").click().run()
        after = app.metric[0].value
        app.run()  # as when the log has grown: what came of the answer is still told
        settled = " ".join(message.value for message in app.success).replace("\\", "")
        app.button(key="back").click().run()

    assert not app.exception
    assert (before, after) == ("40", "38"), "the group of two comes first"
    assert "2 records: answered human; 2 settled" in settled
    assert app.metric[0].value == "40"


def test_somebody_who_may_not_review_is_told_so(catalogue: Catalogue, tmp_path: Path) -> None:
    shutil.copytree(catalogue["long"], tmp_path / "copy")
    with acting_as("eve"):
        app = opened(tmp_path / "copy", "quarantine")
        button(app, "AI").click().run()

    assert "eve may not decide held records" in " ".join(message.value for message in app.error).replace("\\", "")
    assert app.metric[0].value == "40"


def test_a_record_that_nobody_handed_in_is_said_to_be_unknown(catalogue: Catalogue) -> None:
    app = traced(catalogue["one_run"], record_id("nobody ever handed this in"))

    assert not app.exception
    assert "was never taken in" in page_text(app)


def test_a_record_is_traced_to_its_tag_and_the_training_set_that_holds_it(catalogue: Catalogue) -> None:
    text = passages()[ANCHOR + PROMPTS]

    app = traced(catalogue["one_run"], text)

    assert not app.exception, app.exception
    assert f"{record_id(text)[:12]} came from docs in main/0, is tagged human" in page_text(app)
    tags = next(frame.value for frame in app.dataframe if "proven by ledger" in frame.value)
    assert list(tags["proven by ledger"]) == [True]
    uses = next(frame.value for frame in app.dataframe if "snapshot" in frame.value)
    assert list(uses["generation"]) == ["main/0"]


def test_a_held_record_is_traced_with_the_answer_of_its_reviewer(catalogue: Catalogue, tmp_path: Path) -> None:
    from tailguard.plays.provenance import quarantine

    shutil.copytree(catalogue["long"], tmp_path / "copy")
    team = Workspace(tmp_path / "copy", "ada")
    held = quarantine.waiting(team)[0]
    quarantine.decide(team, [held.id], origin=Origin.HUMAN, code="checked", note="I wrote it <b>myself</b>")

    app = traced(tmp_path / "copy", held.id)

    assert not app.exception, app.exception
    answers = next(frame.value for frame in app.dataframe if "code" in frame.value)
    assert list(answers["note"]) == ["I wrote it <b>myself</b>"]


def test_spans_are_marked_and_hostile_text_is_only_text() -> None:
    from pages.shared.words import marked

    text = "<img src=x> **bold** \u202eback [x](http://evil)\nnext :red[y]"

    shown = marked(text, [(0, 11), (13, 17)])

    assert shown.startswith(":orange-background[\\<img src=x\\>]")
    assert "\u202e" not in shown
    assert "\\[x\\]\\(http\u2060\\://evil\\)  \nnext \\:red\\[y\\]" in shown


def test_an_undeclared_loop_is_the_first_thing_said_and_is_guarded_on_the_page(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    shutil.copytree(catalogue["looped"], tmp_path / "copy")
    with acting_as("ada"):
        app = opened(tmp_path / "copy", "loops")
        before = page_text(app)
        app.selectbox(key="on").select("<b>wiki</b> -x -> main training set")
        app.text_input(key="checkpoint").input("matching")
        button(app, "Add it to flows.yaml").click().run()
        answer = answered(app)

    assert "✖ 2 unguarded loops: main -> <b>wiki</b> -x -> main training set -> main" in before
    assert "Nobody declared it" in before
    assert "<b>" not in "".join(part.value for part in app.markdown)
    assert "matching is on" in answer
    assert "✖ 1 unguarded loop: main -> page -> main" in page_text(app)


def test_plays_are_attested_and_handed_over_on_their_page(catalogue: Catalogue, tmp_path: Path) -> None:
    shutil.copytree(catalogue["looped"], tmp_path / "copy")
    with acting_as("ada"):
        app = opened(tmp_path / "copy", "plays")
        before = " ".join(message.value for message in app.warning).replace("\\", "")
        app.selectbox(key="given").select("loops")
        app.text_input(key="to").input("kim")
        button(app, "Hand over").click().run()
        handed = answered(app)
        app.selectbox(key="play").select("drill")
        app.radio(key="is-running").set_value("no")
        button(app, "Attest").click().run()

    assert "it is running; the log says late" in before
    assert "we rehearsed on paper <i>only</i>" in before
    assert "loops is kim's." in handed
    assert "drill is attested." in answered(app)
    assert not app.warning


def test_a_drill_is_finished_on_its_page(catalogue: Catalogue, tmp_path: Path) -> None:
    shutil.copytree(catalogue["looped"], tmp_path / "copy")
    with acting_as("ada"):
        app = opened(tmp_path / "copy", "drill")
        first = page_text(app)
        app.selectbox(key="incident").select("drill-1").run()
        button(app, "Do it: audit").click().run()
        assert "drill-1, audit" in answered(app)
        app.selectbox(key="incident").select("drill-1").run()
        button(app, "Do it: prepare").click().run()
        assert "drill-1, prepare" in answered(app)
        app.selectbox(key="incident").select("drill-1").run()
        app.text_input(key="cause").input("a planted collapse")
        app.text_input(key="change").input("nothing to change this time")
        button(app, "Close it").click().run()

    assert "drill-1 is closed." in answered(app)
    assert "is open" in first
    assert "users see <b>the same</b> answers" in page_text(app)


@pytest.mark.slow
def test_the_evidence_pack_is_made_by_a_button(catalogue: Catalogue, tmp_path: Path) -> None:
    shutil.copytree(catalogue["looped"], tmp_path / "copy")
    with acting_as("ada"):
        app = opened(tmp_path / "copy", "runs")
        app.selectbox(key="run").select("main/1").run()
        button(app, "Make the evidence pack").click().run()

    assert not app.exception
    assert any("evidence-zip" in str(button.proto) for button in app.get("download_button"))


def test_the_overview_says_whether_the_defence_runs_and_what_is_due(catalogue: Catalogue) -> None:
    app = opened(catalogue["looped"], "overview")

    assert "Is the defence running?" in [subheader.value for subheader in app.subheader]
    assert "**◆ drill**" in [block.value for block in app.markdown]
    due = next(frame.value for frame in app.dataframe if "when" in frame.value and "who" in frame.value)
    assert {"Response drill", "Review of all loops", "Attestation of the plays"} <= set(due["what"])


def test_a_finding_is_assigned_on_the_overview(catalogue: Catalogue, tmp_path: Path) -> None:
    shutil.copytree(catalogue["looped"], tmp_path / "copy")
    with acting_as("ada"):
        app = opened(tmp_path / "copy", "overview")
        app.text_input(key="plan").input("ok")
        button(app, "Assign to me").click().run()
        assert "at least 5 letters" in answered(app)
        app.text_input(key="plan").input("I put a checkpoint on it today.")
        button(app, "Assign to me").click().run()

    assert "The finding is assigned to you." in answered(app)
    findings = next(frame.value for frame in app.dataframe if "assigned to" in frame.value)
    assert list(findings["plan"][findings["assigned to"] == "ada"]) == ["I put a checkpoint on it today."]


def test_two_runs_stand_side_by_side_with_what_differs(catalogue: Catalogue) -> None:
    app = opened(catalogue["long"], "runs")
    beside = next(frame.value for frame in app.dataframe if "main/0" in frame.value)

    assert list(beside) == ["what", "main/1", "main/0"]
    assert {"begun", "records", "training set"} <= set(beside["what"])
    assert "seed" not in set(beside["what"]), "both have the same"
    assert "took" in page_text(app)


def test_a_note_is_written_in_a_dialog_before_a_held_record_is_answered(catalogue: Catalogue) -> None:
    app = opened(catalogue["long"], "quarantine")

    app.button(key="note_button").click().run()

    assert not app.exception, app.exception
    assert app.text_area(key="note_text").label == "What you know that the detector does not"
    assert "near-duplicate of it waits" in "".join(part.label for part in app.expander)


def test_a_contract_is_signed_off_on_the_provenance_page(catalogue: Catalogue, tmp_path: Path) -> None:
    from tailguard.plays.provenance import sources

    shutil.copytree(catalogue["one_run"], tmp_path / "copy")
    sources.declare(
        Workspace(tmp_path / "copy", "ada"), "docs", owner="kim", licence="CC0", declared=Origin.HUMAN,
        since=datetime(2026, 1, 1), note="",
    )  # fmt: skip
    with acting_as("ada"):
        app = opened(tmp_path / "copy", "provenance")
        app.text_input(key="sign_note").input("I know them")
        button(app, "Sign off").click().run()

    assert not app.exception, app.exception
    assert sources.current(Workspace(tmp_path / "copy", "ada"))["docs"].signed_by == "ada"
    assert "Sign off" not in [button.label for button in app.button]


def test_flows_are_declared_imported_reviewed_confirmed_and_excepted_on_their_page(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    shutil.copytree(catalogue["looped"], tmp_path / "copy")
    note = "looked at every way back"
    event = {"eventType": "COMPLETE", "run": {"runId": "1"}, "job": {"namespace": "etl", "name": "crawl"},
             "inputs": [{"namespace": "s3", "name": "raw"}], "outputs": [{"namespace": "s3", "name": "clean"}]}  # fmt: skip
    with acting_as("ada"):
        app = opened(tmp_path / "copy", "loops")
        app.text_input(key="edge").input("page -> newsletter")
        button(app, "Declare").click().run()
        assert "page -> newsletter is declared." in answered(app)
        app.file_uploader(key="lineage-file").set_value(
            ("events.json", json.dumps(event).encode() + b"\n", "application/json")
        )
        button(app, "Import").click().run()
        assert "2 datasets, 1 jobs, 2 edges." in answered(app)
        app.text_input(key="note").input(note)
        button(app, "Mark the review done").click().run()
        assert "The review is recorded." in answered(app)
        app.text_input(key="note").input(note)
        button(app, "Confirm that it works (say by what, above)").click().run()
        assert "**editor** is confirmed." in answered(app)
        os.environ["TAILGUARD_USER"] = "lin"  # an engineer asks
        app.text_input(key="note").input(note)
        button(app, "Ask for an exception of 14 days (reason above)").click().run()

    assert "override-1 waits for approval." in answered(app)


def test_an_alert_and_the_runbook_are_acknowledged_on_the_plays_page(catalogue: Catalogue, tmp_path: Path) -> None:
    shutil.copytree(catalogue["watched"], tmp_path / "copy")
    with acting_as("ada"):
        app = opened(tmp_path / "copy", "plays")
        app.text_input(key="plan").input("I look at it today.")
        button(app, "Acknowledge").click().run()
        acknowledged = answered(app)
        app.text_input(key="change").input("a first revision")
        button(app, "Acknowledge this revision as its maintainer").click().run()

    assert "is acknowledged." in acknowledged
    assert "The revision is acknowledged." in answered(app)
    assert any("Runbook" in part.value for part in app.markdown)


def test_an_incident_is_opened_on_the_drill_page_and_a_second_drill_is_refused(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    shutil.copytree(catalogue["looped"], tmp_path / "copy")
    with acting_as("ada"):
        app = opened(tmp_path / "copy", "drill")
        app.text_input(key="seen").input("every answer begins alike")
        button(app, "Open it").click().run()
        opening = answered(app)
        button(app, "Plant a collapse").click().run()

    assert "every answer begins alike" in opening
    assert "drill-1 is open. Close it first" in answered(app)


def test_a_deviation_is_noted_on_the_page_of_its_run(catalogue: Catalogue, tmp_path: Path) -> None:
    shutil.copytree(catalogue["one_run"], tmp_path / "copy")
    with acting_as("ada"):
        app = opened(tmp_path / "copy", "runs")
        app.text_input(key="what").input("the seed was chosen by hand")
        app.text_input(key="why").input("the one before had failed")
        button(app, "Note it").click().run()

    assert "The deviation is noted." in answered(app)
    assert any("the seed was chosen by hand" in "".join(frame.value.get("what", [])) for frame in app.dataframe)


def test_an_override_is_approved_outside_of_a_meeting(catalogue: Catalogue, tmp_path: Path) -> None:
    from tailguard.overrides import requests

    shutil.copytree(catalogue["one_run"], tmp_path / "copy")
    team = Workspace(tmp_path / "copy", "lin")
    until = team.clock.now() + timedelta(days=10)
    requests.request(team, gate=Gate.RATIO, run="main/0", reason="needed for the launch", expires=until)
    with acting_as("ada"):
        app = opened(tmp_path / "copy", "overrides")
        app.text_input(key="note").input("once")
        button(app, "Record the decision").click().run()

    assert "override-1 approved." in answered(app)


def test_attendance_is_noted_in_a_meeting_and_any_item_can_be_gone_to(catalogue: Catalogue, tmp_path: Path) -> None:
    shutil.copytree(catalogue["in_meeting"], tmp_path / "copy")
    with acting_as("ada"):
        app = opened(tmp_path / "copy", "overrides")
        app.text_input(key="person").input("kim").run()
        app.button(key="attend").click().run()
        noted = answered(app)
        app.button(key="item-2").click().run()

    assert "kim is here." in noted
    assert not app.exception
    assert app.text_area(key="note-override-3").value == ""


def test_a_finding_leads_to_its_page(catalogue: Catalogue) -> None:
    app = opened(catalogue["looped"], "overview")
    findings = next(frame.value for frame in app.dataframe if "assigned to" in frame.value)

    button(app, "Open its page").click().run()

    assert not app.exception, app.exception
    assert app.title[0].value == findings["page"].iloc[0].capitalize()


def test_the_mixing_page_leads_to_where_an_override_is_asked_for(catalogue: Catalogue) -> None:
    app = opened(catalogue["looped"], "mixing")

    app.button(key="ask").click().run()

    assert not app.exception, app.exception
    assert app.title[0].value == "Overrides"
    assert str(app.selectbox(key="asked").value) == "ratio gate of main/1"


def test_with_the_log_alone_a_trace_says_that_the_store_is_missing(catalogue: Catalogue) -> None:
    app = traced(catalogue["log_alone"], passages()[ANCHOR + PROMPTS])

    assert "There is no store at" in answered(app)
    assert "Copy the store of this workspace there." in answered(app)


def test_with_the_log_alone_the_queue_says_how_much_waits_and_that_it_cannot_be_decided(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    app = opened(log_alone(catalogue["long"], tmp_path / "alone", "policy.toml"), "quarantine")

    assert not app.exception, app.exception
    assert "40 held records wait" in page_text(app)
    assert "There is no store at" in " ".join(message.value for message in app.warning)
    assert "Nothing waits." not in page_text(app)
    assert not [button for button in app.button if (button.key or "").startswith("answer-")]


def test_with_the_log_alone_files_of_the_store_are_not_offered(catalogue: Catalogue, tmp_path: Path) -> None:
    app = opened(log_alone(catalogue["watched"], tmp_path / "alone", "policy.toml"), "gates")

    report = next(button.proto for button in app.get("download_button") if button.proto.label == "Download the report")
    assert report.disabled
    assert "There is no store at" in report.help


def test_with_the_log_alone_a_drill_is_refused_and_not_left_open(catalogue: Catalogue, tmp_path: Path) -> None:
    with acting_as("ada"):
        app = opened(log_alone(catalogue["watched"], tmp_path / "alone", "policy.toml"), "drill")
        button(app, "Plant a collapse").click().run()

    assert "There is no store at" in answered(app)
    assert "do-freeze" not in [button.key for button in app.button]


def test_a_meeting_needs_no_policy_file_to_be_looked_at(catalogue: Catalogue, tmp_path: Path) -> None:
    app = opened(log_alone(catalogue["in_meeting"], tmp_path / "alone"), "overrides")

    assert not app.exception, app.exception
    assert not [shown.value for shown in app.warning if "policy" in shown.value]
