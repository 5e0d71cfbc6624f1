"""A signed clearance proves itself with the public key alone, and anything that was changed is refused."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sqlalchemy import text

import tailguard
from tailguard.domain.facts import ClearanceSigned, Composition, OverrideUsed
from tailguard.domain.gates import Gate
from tailguard.domain.requests import Recipe
from tailguard.domain.tags import Origin
from tailguard.errors import Blocked, InputError
from tailguard.overrides import requests
from tailguard.pipeline import runner
from tailguard.plays.mixing import clearance
from tailguard.plays.mixing import statement as signing
from tailguard.plays.mixing.require import require
from tailguard.store.writing import digest_of
from tests.builders import Clock, Team, facts, first_generation, over_the_ceiling, written_by


@dataclass(frozen=True, kw_only=True)
class Cleared:
    """A training set that was cleared: the signed statement, the training file, and the key that proves the statement."""

    team: Team
    made: Composition
    statement: Path
    training: Path
    key: Path


@pytest.fixture
def cleared(team: Team) -> Cleared:
    run = first_generation(team, 150)
    made = facts(team, Composition, run=run)[0]
    out = team.workspace.root / "job" / "train.jsonl.clearance.json"
    clearance.check(team.workspace, lineage="main", snapshot=made.snapshot, out=out)
    training = team.workspace.root / "job" / "train.jsonl"
    training.write_bytes(team.workspace.store.bytes("training", made.content, ".jsonl"))
    key = team.workspace.root / "job" / "team.pub"
    key.write_bytes(signing.public_key(team.workspace.root / clearance.KEYS))
    return Cleared(team=team, made=made, statement=out, training=training, key=key)


def verify(
    cleared: Cleared,
    envelope: bytes,
    *,
    public_key: bytes | None = None,
    training_file: Path | None = None,
    now: datetime | None = None,
) -> signing.Signed:
    return signing.verify(
        envelope,
        public_key=public_key or cleared.key.read_bytes(),
        training_file=training_file or cleared.training,
        now=now or cleared.team.clock.moment,
    )


def test_a_good_statement_says_what_was_cleared(cleared: Cleared) -> None:
    found = verify(cleared, cleared.statement.read_bytes())

    made = cleared.made
    assert (found.run, found.snapshot, found.content) == ("main/0", made.snapshot, made.content)
    assert (found.gate, found.ceiling, found.override) == ("PASS", 0.3, None)
    assert found.expires - found.issued == timedelta(days=7)
    (logged,) = [clearance for clearance in facts(cleared.team, ClearanceSigned) if clearance.expires == found.expires]
    assert logged.statement == digest_of(signing.statement(found))


def test_the_envelope_is_dsse_over_an_in_toto_statement(cleared: Cleared) -> None:
    """Checked by the specification's own words, without our code."""
    outer = json.loads(cleared.statement.read_bytes())
    payload = base64.b64decode(outer["payload"])
    encoded = b" ".join(
        [
            b"DSSEv1",
            str(len(outer["payloadType"])).encode(),
            outer["payloadType"].encode(),
            str(len(payload)).encode(),
            payload,
        ]
    )

    key = load_pem_public_key(cleared.key.read_bytes())
    assert isinstance(key, Ed25519PublicKey)
    key.verify(base64.b64decode(outer["signatures"][0]["sig"]), encoded)
    inner = json.loads(payload)
    assert inner["_type"] == "https://in-toto.io/Statement/v1"
    assert [subject["digest"]["sha256"] for subject in inner["subject"]] == [
        cleared.made.content,
        cleared.made.snapshot,
    ]


def test_any_changed_byte_of_the_statement_is_refused(cleared: Cleared) -> None:
    outer = json.loads(cleared.statement.read_bytes())
    payload = bytearray(base64.b64decode(outer["payload"]))
    for at in range(0, len(payload), 37):
        changed = bytearray(payload)
        changed[at] ^= 1
        envelope = json.dumps({**outer, "payload": base64.b64encode(changed).decode()}).encode()
        with pytest.raises(Blocked, match="not signed by this key"):
            verify(cleared, envelope)


def test_a_changed_training_file_another_key_and_an_old_statement_are_refused(cleared: Cleared, tmp_path: Path) -> None:
    envelope = cleared.statement.read_bytes()
    other = tmp_path / "other.jsonl"
    other.write_bytes(cleared.training.read_bytes()[:-1] + b" ")

    with pytest.raises(Blocked, match="is not the training set that was cleared"):
        verify(cleared, envelope, training_file=other)
    with pytest.raises(Blocked, match="not signed by this key"):
        verify(cleared, envelope, public_key=signing.public_key(tmp_path / "keys"))
    with pytest.raises(Blocked, match="expired on"):
        verify(cleared, envelope, now=cleared.team.clock.moment + timedelta(days=7))


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b"null", b'{"payload": "x", "signatures": [], "payloadType": ""}']
)
def test_what_is_no_envelope_is_told_apart(cleared: Cleared, content: bytes) -> None:
    with pytest.raises((InputError, Blocked)):
        verify(cleared, content)


def test_the_statement_of_an_override_ends_with_it(team: Team) -> None:
    run = over_the_ceiling(team)
    made = facts(team, Composition, run=run)[0]
    name = requests.request(
        team.workspace.as_actor("lin"), gate=Gate.RATIO, run=run, reason="needed for the launch",
        expires=team.clock.now() + timedelta(days=2),
    )  # fmt: skip
    requests.decide(team.workspace, name, decision="approved", note="once")

    answer = clearance.check(team.workspace, lineage="main", snapshot=made.snapshot)

    assert answer.statement
    envelope = Path(answer.statement).read_bytes()
    key = signing.public_key(team.workspace.root / clearance.KEYS)
    found = signing.verify(envelope, public_key=key, training_file=None, now=team.clock.moment)
    assert found.override == name
    with pytest.raises(Blocked, match=f"expired with {name}"):
        signing.verify(envelope, public_key=key, training_file=None, now=team.clock.moment + timedelta(days=2))


def test_a_blocked_job_gets_no_statement(team: Team) -> None:
    run = over_the_ceiling(team)

    answer = clearance.check(team.workspace, lineage="main", snapshot=facts(team, Composition, run=run)[0].snapshot)

    assert (answer.exit_code, answer.statement) == (3, None)
    assert not (team.workspace.root / "clearances" / "main-1.json").exists()


def test_the_private_key_is_for_its_owner_alone(cleared: Cleared) -> None:
    path = cleared.team.workspace.root / clearance.KEYS / "clearance.key"

    assert path.stat().st_mode & 0o077 == 0


def test_a_training_script_goes_on_only_with_clearance(cleared: Cleared, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(cleared.team.clock.moment)
    monkeypatch.setenv("TAILGUARD_PUBLIC_KEY", str(cleared.key))

    assert require(cleared.training, clock=clock).run == "main/0"
    with pytest.raises(Blocked, match="expired"):
        require(cleared.training, clock=Clock(clock.moment + timedelta(days=30)))
    cleared.training.write_bytes(b"changed\n")
    with pytest.raises(Blocked, match="is not the training set"):
        require(cleared.training, clock=clock)
    monkeypatch.delenv("TAILGUARD_PUBLIC_KEY")
    with pytest.raises(InputError, match="No public key is named"):
        tailguard.require_clearance(cleared.training)
    with pytest.raises(InputError, match="clearance nowhere cannot be read"):
        tailguard.require_clearance(cleared.training, clearance="nowhere", public_key=cleared.key)


def test_the_examples_stop_without_clearance_and_say_why(cleared: Cleared, tmp_path: Path) -> None:
    script = Path(__file__).parents[3] / "examples" / "unigram_trainer.py"
    environment = {"PATH": "", "TAILGUARD_PUBLIC_KEY": str(cleared.key), "TAILGUARD_CLEARANCE": "missing"}
    command = [sys.executable, str(script), "train", str(cleared.training), str(tmp_path / "weights")]

    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603  our own example

    assert done.returncode != 0
    assert "clearance missing cannot be read" in done.stderr


@pytest.mark.slow
def test_the_shell_example_trains_on_a_cleared_set_and_stops_on_a_blocked_one(team: Team) -> None:
    script = Path(__file__).parents[3] / "examples" / "train.sh"
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    first = first_generation(team, 150)
    good = facts(team, Composition, run=first)[0].snapshot
    blocked = facts(team, Composition, run=over_the_ceiling(team))[0].snapshot

    environment = {"PATH": path, "HOME": str(team.workspace.root), "TAILGUARD_USER": "ada"}

    done, stopped = (
        subprocess.run(  # noqa: S603  our own example
            ["/bin/bash", str(script), str(team.workspace.root), "main", snapshot],
            capture_output=True, text=True, check=False, env=environment,
        )
        for snapshot in (good, blocked)
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "weights in" in done.stdout
    assert stopped.returncode == 3
    assert "BLOCKED main/2" in stopped.stdout


@pytest.mark.parametrize("digits", [0, 1, 7])
def test_a_job_whose_variable_is_empty_is_not_cleared_for_another_set(team: Team, digits: int) -> None:
    run = first_generation(team, 60)
    snapshot = facts(team, Composition, run=run)[0].snapshot[:digits]

    with pytest.raises(InputError, match="at least 8 digits"):
        clearance.check(team.workspace, lineage="main", snapshot=snapshot)


def test_an_override_that_did_not_help_was_not_used(team: Team) -> None:
    first_generation(team, 300)
    ours = written_by(team, "main/0", 1500, logged=True)
    recipe = Recipe(synthetic_share=0.6, anchor=False)
    run = runner.start(team.workspace, "main", [team.batch("o", ours, "robot", Origin.AI)], recipe=recipe, seed=0)
    with pytest.raises(Blocked, match="whole anchor"):
        runner.advance(team.workspace, run)
    name = requests.request(
        team.workspace.as_actor("lin"), gate=Gate.RATIO, run=run, reason="needed for the launch",
        expires=team.clock.now() + timedelta(days=2),
    )  # fmt: skip
    requests.decide(team.workspace, name, decision="approved", note="once")

    answer = clearance.check(team.workspace, lineage="main", snapshot=facts(team, Composition, run=run)[0].snapshot)

    assert (answer.exit_code, answer.override) == (3, None)
    assert facts(team, OverrideUsed) == []


def test_a_training_set_whose_rows_were_changed_is_not_cleared(team: Team) -> None:
    run = team.compose([team.batch("a", team.take(60))])
    made = facts(team, Composition, run=run)[0]
    assert clearance.check(team.workspace, lineage="main", snapshot=made.snapshot).allowed

    with team.workspace.log.writing() as writable:
        writable.connection.execute(text("UPDATE composition SET ratio_records = 0.0, ratio_tokens = 0.01"))

    answer = clearance.check(team.workspace, lineage="main", snapshot=made.snapshot)
    assert (answer.allowed, answer.exit_code, answer.statement) == (False, 3, None)
    assert answer.reason.startswith("row main/0#")
    assert "was changed: a value in composition no longer fits" in answer.reason
    assert "`tailguard verify`" in answer.reason
