"""The command line: parses, calls, prints. Exit codes: 0 pass, 1 input error, 2 tool failed, 3 blocked, 4 held.

A command that a signal ended has the shell's: 130 after Ctrl-C (SIGINT), 143 after SIGTERM.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

import typer
from typer.exceptions import TyperException

from tailguard.cli import (
    alerts,
    anchor,
    audit,
    calendar,
    cancel,
    ceiling,
    check,
    compare,
    dashboard,
    demo,
    detect,
    detector,
    deviation,
    diff,
    drill,
    export,
    findings,
    freeze,
    generate,
    incident,
    init,
    key,
    loops,
    meeting,
    migrate,
    monitor,
    outputs,
    override,
    pack,
    plays,
    quarantine,
    rebuild,
    record,
    report,
    reproduce,
    retrain,
    rollback,
    runbook,
    ship,
    sign_off,
    source,
    status,
    suite,
    trace,
    verify,
)
from tailguard.cli.process import Ended, ended_by_signals, outlive_readers
from tailguard.cli.run import STAGES, intake
from tailguard.cli.run import run as run_stages
from tailguard.errors import TailguardError

COMMANDS: tuple[Callable[..., None] | typer.Typer, ...] = (
    init.init,
    suite.suite,
    detector.detector,
    outputs.outputs,
    compare.compare,
    generate.generate,
    run_stages,
    intake,
    cancel.cancel,
    *STAGES,
    anchor.anchor,
    check.check,
    key.key,
    audit.audit,
    diff.diff,
    retrain.retrain,
    ceiling.ceiling,
    override.override,
    meeting.meeting,
    loops.loops,
    plays.plays,
    runbook.runbook,
    calendar.calendar,
    drill.drill,
    incident.incident,
    record.record,
    reproduce.reproduce,
    deviation.deviation,
    pack.pack,
    report.report,
    sign_off.sign_off,
    ship.ship,
    freeze.freeze,
    freeze.unfreeze,
    rollback.rollback,
    quarantine.quarantine,
    monitor.monitor,
    alerts.alerts,
    findings.findings,
    detect.detect,
    trace.trace,
    verify.verify,
    export.export,
    source.source,
    status.status,
    rebuild.rebuild,
    migrate.migrate,
    dashboard.dashboard,
    demo.demo,
)
"""Every command, in the order of the workflow; `--help` lists the groups, such as `tailguard suite`, after the others."""

app = typer.Typer(
    name="tailguard",
    help=(
        "Keeps models from collapsing on their own output.\n\nExit codes: 0 pass, 1 usage or input error, 2 the tool failed, "
        "3 blocked, 4 inconclusive or held for a person; 130 or 143 when Ctrl-C or a TERM signal ended it."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in COMMANDS:
    if isinstance(command, typer.Typer):
        app.add_typer(command)
    else:
        app.command()(command)


def main() -> None:
    """Entry point: run a command and turn what goes wrong into one message and one exit code."""
    if sys.argv[1:2] == ["check"]:
        # DuckDB imports pandas at its first parameter if there is one: a fifth of a second that a waiting job can do without.
        sys.modules["pandas"] = None  # type: ignore[assignment]
    outlive_readers()
    with ended_by_signals():
        code = run(sys.argv[1:])
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command; returns its exit code. Messages go to standard error."""
    try:
        return int(app(arguments, standalone_mode=False) or 0)
    except TailguardError as error:
        typer.echo(f"tailguard: {error}", err=True)
        return error.exit_code
    except TyperException as error:
        typer.echo(f"tailguard: {error.format_message()} See `tailguard --help`.", err=True)
        return 1
    except Ended as ended:
        typer.echo(f"tailguard: {ended}. Finished stages are kept; `tailguard run --resume RUN` goes on.", err=True)
        return ended.exit_code
    except Exception:
        traceback.print_exc()
        typer.echo(
            "tailguard: this is a defect of Tailguard. Nothing half-written is left behind; please report the lines above.",
            err=True,
        )
        return 2
