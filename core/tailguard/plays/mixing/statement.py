"""Clearances as signed statements: in-toto Statement v1 in a DSSE envelope, signed with Ed25519, checked with nothing but the
public key.

Specifications: in-toto Attestation Framework, Statement v1; DSSE 1.0 (the pre-authentication encoding below); RFC 8032.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tailguard.domain.gates import Mode
from tailguard.domain.verdict import Verdict
from tailguard.errors import Blocked, InputError
from tailguard.store.writing import canonical_json, digest_of, write_atomically

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:tailguard:clearance:v1"
PAYLOAD = "application/vnd.in-toto+json"
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, kw_only=True)
class Signed:
    """What a good statement says. Ratios are 0 to 1, times UTC."""

    run: str
    lineage: str
    snapshot: str
    content: str
    policy: str
    ratio_records: float
    ratio_tokens: float
    upper_bound: float
    ceiling: float
    mode: str
    gate: str
    reason: str
    override: str | None
    issued_by: str
    issued: datetime
    expires: datetime


def statement(signed: Signed) -> bytes:
    """The statement as the bytes that are signed."""
    subjects = [
        {"name": "training set", "digest": {"sha256": signed.content}},
        {"name": "snapshot", "digest": {"sha256": signed.snapshot}},
    ]
    predicate: dict[str, Any] = {
        **{name: value for name, value in vars(signed).items() if name not in ("content", "snapshot")},
        "issued": signed.issued.strftime(_TIME),
        "expires": signed.expires.strftime(_TIME),
    }
    return canonical_json({"_type": STATEMENT, "subject": subjects, "predicateType": PREDICATE, "predicate": predicate})


def sign(payload: bytes, folder: Path) -> bytes:
    """The DSSE envelope of a payload. The key pair is made in `folder` when it is first needed; the private one stays there."""
    key = _key(folder)
    signature = key.sign(_encoded(payload))
    envelope = {
        "payloadType": PAYLOAD,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": key_id(_public(key)), "sig": base64.b64encode(signature).decode()}],
    }
    return canonical_json(envelope)


def verify(envelope: bytes, *, public_key: bytes, training_file: Path | None, now: datetime) -> Signed:
    """What a signed clearance says, if it is good.

    Raises Blocked for a wrong signature, a changed statement, a training file that is not the one that was cleared, and a
    statement that is no longer or not yet good; InputError for what is neither an envelope nor a key.
    """
    from cryptography.exceptions import InvalidSignature

    try:
        outer = json.loads(envelope)
        payload = base64.b64decode(outer["payload"], validate=True)
        signatures = [base64.b64decode(entry["sig"], validate=True) for entry in outer["signatures"]]
        kind = outer["payloadType"]
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise InputError(
            f"This is not a DSSE envelope with a clearance ({error!r}). `tailguard check` writes one."
        ) from error
    key = _loaded(public_key)
    for signature in signatures:
        try:
            key.verify(signature, _encoded(payload))
            break
        except InvalidSignature:
            continue
    else:
        raise Blocked("The clearance is not signed by this key: it was changed, or another team signed it.")
    if kind != PAYLOAD:
        raise Blocked(f"The envelope holds {kind!r}, not a clearance.")
    signed = _read(payload)
    if training_file is not None and _sha256(training_file) != signed.content:
        raise Blocked(
            f"{training_file} is not the training set that was cleared: its bytes have another digest. "
            "`tailguard rebuild` makes the cleared one again."
        )
    if now >= signed.expires:
        why = f" with {signed.override}" if signed.override else ""
        raise Blocked(
            f"The clearance of {signed.run} expired{why} on {signed.expires:%Y-%m-%d %H:%M} UTC. Ask again: `tailguard check`."
        )
    if signed.gate != Verdict.PASS and not signed.override and signed.mode == Mode.ENFORCE:
        raise Blocked(f"The statement says {signed.gate}, which clears nothing.")
    return signed


def public_key(folder: Path) -> bytes:
    """The public key as PEM, to be handed to those who check; made together with the private one when first asked for."""
    return _public(_key(folder))


def key_id(pem: bytes) -> str:
    """A key's name: SHA-256 of its PEM form."""
    return digest_of(pem)


def _encoded(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding, so that a signature covers the type as well."""
    kind = PAYLOAD.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _read(payload: bytes) -> Signed:
    try:
        value = json.loads(payload)
        if value["_type"] != STATEMENT or value["predicateType"] != PREDICATE:
            raise ValueError(value["predicateType"])
        named = {subject["name"]: subject["digest"]["sha256"] for subject in value["subject"]}
        predicate = dict(value["predicate"])
        for name in ("issued", "expires"):
            predicate[name] = datetime.strptime(predicate[name], _TIME)
        return Signed(content=named["training set"], snapshot=named["snapshot"], **predicate)
    except (ValueError, KeyError, TypeError) as error:
        raise Blocked(f"The signed statement is not a clearance that this version reads ({error!r}).") from error


def _key(folder: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path = folder / "clearance.key"
    if not path.exists():
        made = Ed25519PrivateKey.generate()
        private = made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        making = folder / f".clearance.{os.getpid()}.new"
        with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(private)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process made one meanwhile, and that one counts
            os.link(making, path)
        making.unlink()
        write_atomically(folder / "clearance.pub", _public(_loaded_private(path)))
    return _loaded_private(path)


def _loaded_private(path: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(loaded, Ed25519PrivateKey):
        raise InputError(f"{path} is not an Ed25519 key. Move it away; a new pair is made at the next clearance.")
    return loaded


def _public(key: Ed25519PrivateKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _loaded(pem: bytes) -> Any:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError as error:
        raise InputError("This is not a public key in PEM form. `tailguard key` prints it.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InputError("This is not an Ed25519 key. `tailguard key` prints the right one.")
    return key


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
