"""`tailguard init`: writes a commented policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tailguard.cli.output import Json, show
from tailguard.errors import InputError


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
    from tailguard.policy.model import PROFILES
    from tailguard.policy.reading import parse_policy, template
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
