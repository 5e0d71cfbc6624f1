"""The team's own way of putting weights to work: verified against their digest, then one command, timed."""

from __future__ import annotations

import subprocess
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tailguard.adapters.registries import registry_for
from tailguard.domain.facts import Deployed
from tailguard.domain.roles import Right
from tailguard.domain.runs import lineage_of
from tailguard.errors import InputError, TailguardError
from tailguard.policy.adapters import Deploy
from tailguard.runlog.locks import exclusive_lock
from tailguard.runlog.views.runs import generation_of
from tailguard.workspace import Workspace


def locked(workspace: Workspace, lineage: str) -> AbstractContextManager[None]:
    """Keeps other steps on the lineage's generation in production out."""
    return exclusive_lock(
        workspace.root / "runs" / f"{lineage}.deploy.lock", doing=f"putting a generation of {lineage} to work"
    )


def deploy_generation(workspace: Workspace, generation: str, action: str, *, replaced: str | None) -> list[Deployed]:
    """Verify a generation's weights, run the team's command, update the registry; returns the fact to record, none for a run that
    made no weights. A command that failed is recorded before TailguardError is raised."""
    policy = workspace.require(Right.SHIP)
    with workspace.log.reading() as view:
        made = generation_of(view, generation)
    if made is None:
        return []
    lineage = lineage_of(generation)
    job = Deployment(
        lineage=lineage, generation=generation, weights=made.fact.weights, action=action, replaced=replaced
    )
    deployed = deploy(workspace, job, policy.deploy)
    if deployed.exit_code:
        with workspace.concluding() as tx:
            tx.record(deployed)
        raise TailguardError(
            f"The deployment command ended with exit code {deployed.exit_code}; {generation} was not deployed. See "
            f"{workspace.root / 'runs' / 'deploy.log'}."
        )
    if policy.registry:
        weights = workspace.store.folder("weights", made.fact.weights)
        registry_for(policy.registry).put(lineage, generation, weights, made.fact.weights)
    return [deployed]


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Which generation is to be deployed, its weights by digest, why (ship or rollback), and what it replaces."""

    lineage: str
    generation: str
    weights: str
    action: str
    replaced: str | None


def deploy(workspace: Workspace, job: Deployment, settings: Deploy) -> Deployed:
    """Hold the weights against their digest and run `[deploy] command`, if there is one; its output goes to runs/deploy.log.

    Returns what happened, with the command's exit code and the seconds that all of it took. Raises TailguardError for weights
    that were changed, InputError for a command that cannot be started.
    """
    begun = workspace.clock.now()
    weights = workspace.store.folder("weights", job.weights)
    code = None
    if settings.command:
        values = {
            "lineage": job.lineage,
            "generation": job.generation,
            "weights": str(weights),
            "digest": job.weights,
            "action": job.action,
            "replaced": job.replaced or "",
        }
        try:
            words = [word.format_map(values) for word in settings.command]
        except (KeyError, ValueError, IndexError) as error:
            raise InputError(
                f"[deploy] command has a placeholder that nobody fills: {error}. Known: {', '.join(sorted(values))}."
            ) from error
        code = _run(workspace, words, settings.timeout_minutes * 60)
    seconds = (workspace.clock.now() - begun).total_seconds()
    return Deployed(
        run=job.generation,
        lineage=job.lineage,
        action=job.action,
        replaced=job.replaced,
        weights=job.weights,
        exit_code=code,
        seconds=seconds,
    )


def _run(workspace: Workspace, words: list[str], timeout_seconds: float) -> int:
    log = workspace.root / "runs" / "deploy.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        output.write(f"$ {' '.join(words)}\n".encode())
        output.flush()
        try:
            return subprocess.run(  # noqa: S603  the command is the policy's own, and no shell reads it
                words, stdout=output, stderr=subprocess.STDOUT, timeout=timeout_seconds, check=False, cwd=workspace.root
            ).returncode
        except OSError as error:
            raise InputError(f"[deploy] command {words[0]!r} cannot be started ({error.strerror}).") from error
        except subprocess.TimeoutExpired as error:
            raise TailguardError(
                f"[deploy] command did not end within {timeout_seconds / 60:.0f} minutes and was stopped; look at {log}."
            ) from error
