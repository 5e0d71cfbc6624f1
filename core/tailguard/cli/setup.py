"""Setting up: init, suite, detector, outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, WorkspaceFolder, open_workspace, show
from tailguard.errors import Held, InputError

suite = typer.Typer(help="The frozen evaluation suite.", no_args_is_help=True)
detector = typer.Typer(help="The detector of model-made text.", no_args_is_help=True)
outputs = typer.Typer(help="Texts that our own generations wrote.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Hang these commands on the application."""
    app.command()(init)
    for name, group in (("suite", suite), ("detector", detector), ("outputs", outputs)):
        app.add_typer(group, name=name)


def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the new workspace.")] = Path(),
    name: Annotated[str | None, typer.Option(help="Your name; it is put wherever the policy needs one.")] = None,
    profile: Annotated[
        str, typer.Option(help="full; small: one person, three checks; api-only: no training stages.")
    ] = "full",
    only_print: Annotated[bool, typer.Option("--print", help="Print the policy instead of writing it.")] = False,
    as_json: Json = False,
) -> None:
    """Write a commented policy.toml that works as it is."""
    from tailguard.policy.model import PROFILES, parse_policy, template
    from tailguard.store.writing import write_atomically
    from tailguard.workspace import POLICY_FILE, default_actor

    if profile not in PROFILES:
        raise InputError(f"--profile is {', '.join(PROFILES)}, found {profile!r}.")
    text = template(name or default_actor(), profile)
    parse_policy(text, POLICY_FILE)
    path = folder / POLICY_FILE
    if only_print:
        typer.echo(text)
        return
    if path.exists():
        raise InputError(f"{path} exists already. Edit it, or name another folder.")
    write_atomically(path, text.encode())
    then = "Next: `tailguard anchor freeze FILE`, `tailguard suite freeze FILE`, then `tailguard run`."
    if profile == "api-only":
        then = "Next: `tailguard monitor freeze STREAM FILE` with what your models wrote so far, then `tailguard monitor add`."
    if name and name != default_actor():
        then += f" You are {default_actor()} here, and the policy knows {name}: set TAILGUARD_USER={name}."
    show({"policy": str(path)}, f"{path} written. {then}", as_json=as_json)


@suite.command("freeze")
def suite_freeze(
    file: Annotated[Path, typer.Argument(help="JSONL with `prompt`, and `id`, `slice`, `tail` where wanted.")],
    name: Annotated[str, typer.Option(help="What the team calls it.")] = "suite",
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Freeze the evaluation suite, once; at least one prompt must be in a tail slice."""
    from tailguard.plays.monitoring.suite import freeze_suite

    digest = freeze_suite(open_workspace(workspace), file, name=name)
    show({"suite": digest}, f"Suite {name} frozen as {digest[:12]}.", as_json=as_json)


@suite.command("build")
def suite_build(
    out: Annotated[Path, typer.Option(help="JSONL of proposals to write; set `accept` in each, then freeze it.")],
    most: Annotated[int, typer.Option(min=1, help="Items a slice.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the choice.")] = 0,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Propose rare-case items from the anchor: rare terms, rare topics, and the minority groups of [suite]."""
    from tailguard.plays.monitoring.suite_proposal import propose

    found = propose(open_workspace(workspace), out, most=most, seed=seed)
    slices = ", ".join(f"{count} in {name}" for name, count in found.slices.items())
    text = f"{found.items} items proposed in {out}: {slices}. Set `accept` to true or false in each, then `tailguard suite freeze`."
    show(found, text, as_json=as_json)


@suite.command("show")
def suite_show(workspace: WorkspaceFolder = None, as_json: Json = False) -> None:
    """The suite in force: its slices, its age, and how saturated it is."""
    from tailguard.plays.monitoring.suite import standing

    found = standing(open_workspace(workspace))
    show(found, found.text, as_json=as_json)


@detector.command("calibrate")
def detector_calibrate(
    file: Annotated[str, typer.Argument(help="File or folder with texts that GENERATION wrote.")],
    generation: Annotated[str, typer.Option(help="The generation that wrote them, such as main/0.")],
    seed: Annotated[int, typer.Option(help="Seed of the split into fitting and calibration halves.")] = 0,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Make the detector the team's own: fit and calibrate it on the anchor and on our own output."""
    from tailguard.adapters.readers import read_texts
    from tailguard.plays.provenance.detector import calibrate

    fact = calibrate(open_workspace(workspace), list(read_texts(file)), generation=generation, seed=seed)
    text = (
        f"Calibrated on {fact.human_texts:,} human and {fact.ai_texts:,} model-made texts: AUROC {fact.auroc:.3f}; "
        f"finds {fact.true_positive_rate:.1%} of single texts at {fact.false_positive_rate:.1%} false alarms."
    )
    show(fact, text, as_json=as_json)


@outputs.command("sample")
def outputs_sample(
    generation: Annotated[str, typer.Argument(help="A generation, such as main/0.")],
    count: Annotated[int, typer.Option(min=1, help="How many texts to draw.")],
    out: Annotated[Path, typer.Option(help="JSONL file to write.")],
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest text, in tokens.")] = 60,
    temperature: Annotated[float, typer.Option(help="Decoding temperature, above 0.")] = 1.0,
    fewest_words: Annotated[int, typer.Option(min=0, help="Shorter texts are not kept.")] = 8,
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Let a generation write texts; they are logged as our own before the file appears."""
    from tailguard.adapters.generators import generator_for
    from tailguard.plays.provenance.own_output import sample_outputs

    space = open_workspace(workspace)
    kept = sample_outputs(
        space,
        generation,
        generator=generator_for(space.policy(), generation.rpartition("/")[0], generation=generation, root=space.root),
        count=count,
        max_tokens=max_tokens,
        temperature=temperature,
        seed=seed,
        fewest_words=fewest_words,
        file=out,
    )
    show(
        {"texts": kept, "file": str(out)},
        f"{kept:,} texts of {generation} in {out}, logged as our own.",
        as_json=as_json,
    )


@outputs.command("add")
def outputs_add(
    generation: Annotated[str, typer.Argument(help="The generation that wrote them, such as main/0.")],
    file: Annotated[str, typer.Argument(help="File or folder of records, path or fsspec address.")],
    workspace: WorkspaceFolder = None,
    as_json: Json = False,
) -> None:
    """Tell of texts that a generation of ours wrote in production: they are recognised when they come back as data.

    Where the lineage has a frozen reference (`tailguard monitor freeze main FILE`) they also continue its weekly monitoring;
    exit code 4 when that is in alarm.
    """
    from tailguard.adapters.readers import WHOLE, read_texts, reader_for
    from tailguard.plays.monitoring import alerts, streams
    from tailguard.plays.provenance.own_output import log_outputs
    from tailguard.runlog.queries import frozen_stream, generation_of

    space = open_workspace(workspace)
    lineage = generation.rpartition("/")[0]
    with space.log.reading() as connection:
        watched = frozen_stream(connection, lineage) and generation_of(connection, generation)
    if not watched:
        count = log_outputs(space, generation, read_texts(file), purpose="production")
        show({"texts": count}, f"{count:,} texts of {generation} are known as our own.", as_json=as_json)
        return
    done = streams.add(space, lineage, reader_for(file)(file, WHOLE), seed=0, generation=generation)
    alerts.send(space)
    show(done, done.text, as_json=as_json)
    if done.alarms:
        raise Held(f"{lineage} is in alarm: {', '.join(done.alarms)}. `tailguard status` says by how much.")
