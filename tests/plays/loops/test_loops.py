"""Loops: found exactly, guarded by checkpoints that show themselves, loudest where nobody declared them; they hold the gate."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailguard.cli import run as command
from tailguard.domain.facts import ExitCriterion, GateDecision, OverrideUsed, ShippingEvent
from tailguard.domain.gates import Gate
from tailguard.domain.stages import Requirement
from tailguard.domain.tags import Origin
from tailguard.errors import Held, InputError
from tailguard.overrides import requests
from tailguard.pipeline import runner
from tailguard.plays.loops import actions
from tailguard.plays.loops.declared import TEMPLATE, parse_flows, with_entry
from tailguard.plays.loops.diagram import as_text
from tailguard.plays.loops.flows import Edge, Known, flows, merged
from tailguard.plays.loops.imported import read_lineage
from tailguard.plays.loops.search import components, cut, cycles, through
from tailguard.plays.loops.standing import Change
from tailguard.plays.status import status
from tailguard.release import ship
from tests.builders import Team, fed_back, first_generation, loose, write_jsonl, written_by
from tests.recording import record_policy

NODES = "abcdef"
PAIRS = st.sampled_from([Edge(source, target) for source in NODES for target in NODES])


def brute_force(edges: set[Edge]) -> list[list[str]]:
    graph = nx.DiGraph([(edge.source, edge.target) for edge in edges])
    return list(nx.simple_cycles(graph))


@settings(max_examples=1000)
@given(st.sets(PAIRS, max_size=14), st.sets(PAIRS, max_size=6))
def test_unguarded_loops_are_those_that_brute_force_finds(edges: set[Edge], guarded: set[Edge]) -> None:
    every = brute_force(edges - guarded)

    found = cycles(edges, guarded, cap=10_000)

    assert {frozenset(cycle) for cycle in found.cycles} == {frozenset(cycle) for cycle in every}
    assert len(found.cycles) == len(every)
    assert not found.capped
    assert {name for part in components(edges, guarded) for name in part} == {name for cycle in every for name in cycle}


@settings(max_examples=200)
@given(st.sets(PAIRS, max_size=9))
def test_a_suggested_cut_leaves_no_loop_and_no_smaller_one_does(edges: set[Edge]) -> None:
    found = cut(edges)

    assert found.exact
    assert components(edges, found.edges) == []
    for fewer in combinations(edges, max(0, len(found.edges) - 1)):
        assert not found.edges or components(edges, fewer), f"{fewer} would do"


def test_in_a_component_too_large_to_list_the_shortest_loops_are_shown_and_the_rest_is_admitted() -> None:
    ring = [Edge(f"n{number}", f"n{(number + 1) % 300}") for number in range(300)]
    back = [Edge(f"n{number + 1}", f"n{number}") for number in range(299)]

    found = cycles([*ring, *back])

    assert found.capped
    assert len(found.cycles) == 200
    assert all(len(cycle) == 2 for cycle in found.cycles)
    assert through([*ring, *back], [], "n250") == ("n249", "n250")
    rough = cut([*ring, *back])
    assert not rough.exact
    assert components([*ring, *back], rough.edges) == []


def test_merging_keeps_who_knows_an_edge_and_other_names_of_a_node() -> None:
    declared = parse_flows(
        'flows_version: 1\nmodels: {chat: {}}\ndatasets: {crawl: {also: ["lake/crawl"]}}\nedges:\n  - chat -> crawl\n',
        "f",
    )
    imported = flows({"lake/crawl": "dataset"}, [("chat", "lake/crawl"), ("lake/crawl", "x (job)")], Known.IMPORTED)

    both = merged([declared, imported])

    assert both.edges[Edge("chat", "crawl")] == {Known.DECLARED, Known.IMPORTED}
    assert both.edges[Edge("crawl", "x (job)")] == {Known.IMPORTED}
    assert both.nodes["chat"] == "model"
    assert merged([both, both]).edges == both.edges


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("edges: []", "line 1: flows_version: 1 is missing"),
        ("flows_version: 1\nedegs: []", "line 2: unknown key 'edegs'. Did you mean 'edges'?"),
        ("flows_version: 1\nedges:\n  - a to b", "line 3: an edge is written `from -> to`"),
        ("flows_version: 1\nedges:\n  - a ->", "line 3: an edge is written `from -> to`, with a name on both sides"),
        ("flows_version: 1\nmodels: [a]", "line 2: expected names with their settings"),
        ("flows_version: 1\nmodels: {a: {ower: x}}", "line 2: 'a' has also, owner and note, not 'ower'"),
        (
            "flows_version: 1\nedges:\n  - a -> b\ncheckpoints:\n  - {name: c, on: a -> c, owner: o, evidence: ratio}",
            "line 5: there is no edge `a -> c`; list it under edges. Did you mean `a -> b`?",
        ),
        (
            "flows_version: 1\nedges: [a -> b]\ncheckpoints:\n  - {name: c, on: a -> b, owner: o, evidence: hope}",
            "line 4: evidence is intake, filter, ratio, review, confirmed, found 'hope'",
        ),
        (
            "flows_version: 1\nedges: [a -> b]\ncheckpoints:\n  - {name: c, on: a -> b}",
            "line 4: a checkpoint needs owner",
        ),
        ("flows_version: 1\nedges: [a -> b", "line 2 is not valid YAML"),
        ("- a\n- b", "expected keys flows_version"),
    ],
)
def test_a_mistake_in_flows_yaml_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        parse_flows(text, "flows.yaml")

    assert message in str(error.value)


@given(st.lists(st.sampled_from(["a -> b", "b -> c", "c -> a", '"x y" -> z']), unique=True, max_size=4))
def test_an_added_entry_leaves_everything_else_as_it_was(edges: list[str]) -> None:
    text = TEMPLATE + "# the end\n"
    for number, edge in enumerate(edges, start=1):
        before = [line for line in text.splitlines() if "->" not in line or line.lstrip().startswith("#")]
        text = with_entry(text, "edges", json.dumps(edge) if '"' in edge else edge, "flows.yaml")

        assert len(parse_flows(text, "flows.yaml").edges) == number
        assert [line for line in text.splitlines() if line in before] == before


def event(job: str, inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    return {
        "eventType": "COMPLETE",
        "job": {"namespace": "etl", "name": job},
        "inputs": [{"namespace": "lake", "name": dataset} for dataset in inputs],
        "outputs": [{"namespace": "lake", "name": dataset} for dataset in outputs],
    }


def test_lineage_of_three_systems_is_read_and_bad_entries_are_named(tmp_path: Path) -> None:
    lines = [json.dumps(event("crawl", ["web"], ["pages"])), "{broken", json.dumps(event("index", ["pages"], ["web"]))]
    (tmp_path / "ol.jsonl").write_text("\n".join(lines))
    marquez = [
        {"name": "etl_menus", "namespace": "food", "inputs": [], "outputs": [{"namespace": "food", "name": "menus"}]},
        {"name": "menus", "physicalName": "menus", "namespace": "food"},
        {"surprise": 1},
    ]
    (tmp_path / "marquez.json").write_text(json.dumps(marquez))
    manifest = {
        "metadata": {},
        "nodes": {
            "model.shop.orders": {"resource_type": "model", "depends_on": {"nodes": ["source.shop.raw"]}},
            "test.shop.unique": {"resource_type": "test", "depends_on": {"nodes": ["model.shop.orders"]}},
        },
        "sources": {"source.shop.raw": {"resource_type": "source"}},
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))

    lake, food, shop = (read_lineage(tmp_path / name) for name in ("ol.jsonl", "marquez.json", "manifest.json"))

    assert (lake.datasets, lake.jobs, len(lake.flows.edges)) == (2, 2, 4)
    assert lake.problems == (
        f"{tmp_path / 'ol.jsonl'} line 2 is not JSON (Expecting property name enclosed in double quotes).",
    )
    assert cycles(lake.flows.edges).cycles == (("etl/crawl (job)", "lake/pages", "etl/index (job)", "lake/web"),)
    assert (food.form, food.datasets, food.jobs) == ("Marquez export", 1, 1)
    assert "entry 3" in food.problems[0]
    assert (shop.form, shop.datasets, shop.jobs, len(shop.flows.edges)) == ("dbt manifest", 2, 1, 2)
    for name, content in (("a.json", "{"), ("b.json", "[]"), ("c.json", '{"x": 1}')):
        (tmp_path / name).write_text(content)
        with pytest.raises(InputError, match="OpenLineage events"):
            read_lineage(tmp_path / name)


def test_files_are_checked_without_any_set_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / "ol.jsonl", [event("crawl", ["web"], ["pages"]), event("index", ["pages"], ["web"])])
    (tmp_path / "flows.yaml").write_text("flows_version: 1\nedges:\n  - a -> b\n")

    assert command(["loops", "check", "flows.yaml"]) == 0
    assert command(["loops", "check", "flows.yaml", "ol.jsonl"]) == 3
    printed = capsys.readouterr()
    assert "lake/pages -> etl/index (job)" in printed.out
    assert "These edges cut them all" in printed.out
    (tmp_path / "flows.yaml").write_text("flows_version: 2\n")
    assert command(["loops", "check", "flows.yaml"]) == 1


def test_a_diagram_shows_feedback_and_checkpoints_and_obeys_no_name() -> None:
    hostile = '<script>alert("x")</script>'
    graph = merged(
        [
            flows({"chat": "model"}, [("chat", hostile)], Known.DECLARED),
            flows({}, [(hostile, "chat")], Known.OBSERVED),
        ]
    )

    svg, dot, mermaid = (as_text(graph, [Edge(hostile, "chat")], form) for form in ("svg", "dot", "mermaid"))

    assert "<script" not in svg
    assert "&lt;script&gt;" in svg
    assert 'stroke-dasharray="2 4"' in svg
    assert "<script" not in mermaid
    assert "linkStyle" in mermaid
    assert r"\"x\"" in dot
    assert as_text(graph, [Edge(hostile, "chat")], "svg") == svg


def found(team: Team) -> list[tuple[str, str]]:
    with team.workspace.log.reading() as view:
        return [
            (finding.severity, finding.what)
            for finding in status(view, now=team.clock.now()).findings
            if finding.kind.play == "loops"
        ]


def may_it_ship(team: Team) -> str:
    with team.workspace.log.reading() as view:
        return status(view, now=team.clock.now()).lineages[0].sentence


def test_an_undeclared_loop_holds_the_gate_until_it_is_guarded(team: Team) -> None:
    loose(team)
    run = fed_back(team)

    with pytest.raises(Held, match="unguarded loop, main -> robot -> main training set -> main"):
        runner.advance(team.workspace, run)
    runner.advance(team.workspace, run)
    with pytest.raises(Held, match="may not ship: unguarded loop"):
        ship.ship(team.workspace, run)

    assert may_it_ship(team).startswith(f"{run} may not ship: unguarded loop: main -> robot ->")
    assert ("high", "unguarded loop, nobody declared it") in [
        (finding, what.partition(":")[0]) for finding, what in found(team)
    ]
    with team.workspace.log.reading() as view:
        (decision,) = view.recorded(GateDecision, run=run, gate=Gate.LOOPS)
        (criterion,) = view.recorded(ExitCriterion, run=run, name=Requirement.NO_UNGUARDED_LOOP)
        assert [row.fact.action for row in view.recorded(ShippingEvent, run=run)] == ["refused"]
    assert (decision.fact.verdict, criterion.fact.met, criterion.fact.observed) == ("BLOCK", False, "1")

    actions.declare(team.workspace, "main -> robot")
    actions.guard(team.workspace, "ceiling", on="robot -> main training set", owner="kim", evidence="ratio")
    assert may_it_ship(team).startswith(f"{run} may ship: compared with its parent")
    assert "passed the gate" in ship.ship(team.workspace, run)
    current = actions.current_loops(team.workspace)
    assert current.unguarded == ()
    assert [finding for finding in found(team) if "unguarded" in finding[1]] == []
    team.clock.move(300)
    assert actions.current_loops(team.workspace).unguarded == (), "nothing has come over the edge since"


def test_an_exception_to_a_loop_is_an_override_like_any_other(team: Team) -> None:
    loose(team)
    run = fed_back(team)
    name = requests.request(
        team.workspace.as_actor("lin"), gate=Gate.LOOPS, run=run, reason="one trial run, watched by hand",
        expires=team.clock.now().replace(day=20),
    )  # fmt: skip
    requests.decide(team.workspace, name, decision="approved", note="once")

    runner.advance(team.workspace, run)

    assert may_it_ship(team).startswith(f"{run} may ship under {name}: ")
    assert f"let through by override {name}" in ship.ship(team.workspace, run)
    with team.workspace.log.reading() as view:
        assert {row.fact.gate for row in view.recorded(OverrideUsed, run=run)} == {"loops"}
    assert [loop.exception[:10] for loop in actions.current_loops(team.workspace).unguarded] == ["override-1"]


def test_a_few_records_of_ours_by_chance_make_no_loop(team: Team) -> None:
    loose(team)
    first = first_generation(team)
    ours = written_by(team, first, 20, logged=True)[:3]

    run = team.run([team.batch("crawl", [*team.take(150), *ours], "crawl", Origin.HUMAN)])

    assert run == "main/1"
    assert actions.current_loops(team.workspace).loops == ()


def test_a_checkpoint_that_falls_silent_or_is_removed_is_a_finding_that_goes_away(team: Team) -> None:
    loose(team)
    space = team.workspace
    for edge in ("bot -> page", "page -> bot"):
        actions.declare(space, edge)
    actions.guard(space, "editor", on="page -> bot", owner="ada", evidence="confirmed", every_days=20)

    def sentences() -> str:
        record_policy(space)
        actions.record_edits(space)
        return "; ".join(what for _, what in found(team))

    assert "checkpoint editor on `page -> bot` is silent" in sentences()
    with pytest.raises(InputError, match="ada answers for editor"):
        actions.confirm(space.as_actor("lin"), "editor", evidence="ticket 12")
    actions.confirm(space, "editor", evidence="ticket 12")
    assert "silent" not in sentences()
    assert "unguarded" not in sentences()
    team.clock.move(21)
    record_policy(space)
    actions.declare(space, "page -> archive")  # the log's own time moves on
    assert "checkpoint editor on `page -> bot` is silent" in sentences()
    assert "unguarded loop, its checkpoints are silent" in sentences()

    file = space.root / "flows.yaml"
    with_checkpoint = file.read_text()
    file.write_text("\n".join(line for line in with_checkpoint.splitlines() if "name: editor" not in line))
    assert "checkpoint editor on `page -> bot` was removed" in sentences()
    file.write_text(with_checkpoint)
    assert "was removed" not in sentences()


def test_a_review_remembers_every_loop_and_a_new_one_is_told(team: Team) -> None:
    loose(team)
    space = team.workspace
    for edge in ("bot -> page", "page -> bot"):
        actions.declare(space, edge)
    with pytest.raises(InputError, match="lin may not review loops"):
        actions.review(space.as_actor("lin"), note="reviewed all of them")
    actions.review(space, note="reviewed all of them")
    assert {loop.change for loop in actions.current_loops(space).loops} == {Change.NONE}

    actions.declare(space, "page -> index")
    actions.declare(space, "index -> bot")

    assert {loop.words: loop.change for loop in actions.current_loops(space).loops}[
        "bot -> page -> index -> bot"
    ] is Change.NEW
    record_policy(space)
    assert any("new since the last review" in what for _, what in found(team))


def test_an_imported_file_joins_the_graph_and_a_newer_one_takes_its_place(team: Team, tmp_path: Path) -> None:
    loose(team)
    file = write_jsonl(tmp_path / "etl.jsonl", [event("crawl", ["web"], ["pages"]), event("index", ["pages"], ["web"])])
    actions.import_lineage(team.workspace, file)
    assert [loop.known for loop in actions.current_loops(team.workspace).unguarded] == [Known.IMPORTED]

    write_jsonl(file, [event("crawl", ["web"], ["pages"]), b"{broken"])
    with pytest.raises(InputError, match=r"1 entries of .* could not be read; the others were taken"):
        actions.import_lineage(team.workspace, file)

    assert actions.current_loops(team.workspace).loops == ()
