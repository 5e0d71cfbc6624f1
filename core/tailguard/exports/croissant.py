"""A training set described in Croissant 1.1 (MLCommons, 2025), with where it comes from in W3C PROV-O.

The set is a prov:Entity, made by the run (a prov:Activity) from the anchor and from each source, and attributed to the team.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from tailguard.domain.facts import Composition, CompositionPart
from tailguard.errors import InputError
from tailguard.runlog.view import Recorded, latest
from tailguard.runlog.views.sources import contracts
from tailguard.store.snapshots import Snapshot
from tailguard.workspace import Workspace

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES = {pa.string(): "sc:Text", pa.int64(): "sc:Integer", pa.float64(): "sc:Float", pa.bool_(): "sc:Boolean"}
_ENCODING = {
    "parquet": "application/x-parquet",
    "jsonl": "application/jsonlines",
    "hf": "application/vnd.apache.arrow.stream",
}


def describe(workspace: Workspace, snapshot: Snapshot, out: Path, *, form: str, schema: pa.Schema) -> bytes:
    """The description of an exported set as JSON-LD. Raises InputError when the log does not know the snapshot."""
    origin = _logged_origin(workspace, snapshot)
    made = origin.composition.fact
    identity = f"urn:tailguard:snapshot:{snapshot.digest}"
    value: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "@id": identity,
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": f"training-set-{snapshot.digest[:12]}",
        "description": (
            f"Training set of {made.run}: {made.records:,} records, {made.ratio_records:.1%} synthetic "
            f"({made.ratio_tokens:.1%} of tokens), ceiling {made.ceiling:.0%}."
        ),
        "license": origin.licences or ["not stated by the sources' contracts"],
        "url": identity,
        "version": "1.0.0",
        "datePublished": origin.composition.recorded.date().isoformat(),
        "creator": {"@type": "sc:Organization", "name": origin.team},
        "rai:dataCollection": "Composed by Tailguard of a frozen human anchor set and of what prov:wasDerivedFrom names.",
        **_provenance(origin, snapshot),
        "distribution": [_file_object(out, form)],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "records",
                "name": "records",
                "description": "One training record a row, with its tag.",
                "field": [_field(column, form) for column in schema],
            }
        ],
    }
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False).encode() + b"\n"


@dataclass(frozen=True, kw_only=True)
class _Origin:
    """What the run log knows of a set: its composition and parts, the licences of its sources, the team."""

    composition: Recorded[Composition]
    parts: list[CompositionPart]
    licences: list[str]
    team: str


def _logged_origin(workspace: Workspace, snapshot: Snapshot) -> _Origin:
    """Raises InputError when the log does not know the snapshot."""
    with workspace.log.reading() as view:
        composition = latest(view.recorded(Composition, snapshot=snapshot.digest))
        if composition is None:
            raise InputError(f"The run log has no composition with snapshot {snapshot.digest[:12]}.")
        run = composition.fact.run
        parts = [part.fact for part in view.recorded(CompositionPart, snapshot=snapshot.digest, run=run)]
        agreed = contracts(view)
        policy = view.policy()
    licences = sorted({agreed[part.source].licence for part in parts if part.source in agreed})
    return _Origin(composition=composition, parts=parts, licences=licences, team=policy.team if policy else "")


def _provenance(origin: _Origin, snapshot: Snapshot) -> dict[str, Any]:
    """The team, the run and the parts that the set comes from, in PROV-O."""
    composition = origin.composition
    return {
        "prov:wasAttributedTo": {"@type": "prov:Agent", "prov:label": origin.team},
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "@id": f"urn:tailguard:run:{composition.fact.run}",
            "prov:endedAtTime": composition.recorded.isoformat() + "Z",
            "prov:wasAssociatedWith": {"@type": "prov:Agent", "prov:label": composition.actor},
            "prov:used": {"@type": "prov:Entity", "@id": f"urn:tailguard:policy:{snapshot.manifest['policy']}"},
        },
        "prov:wasDerivedFrom": [
            {
                "@type": "prov:Entity",
                "@id": f"urn:tailguard:part:{snapshot.digest[:12]}:{number}",
                "prov:label": f"{part.role}: {part.records:,} {part.origin} records of {part.source}",
            }
            for number, part in enumerate(origin.parts)
        ],
    }


def _file_object(out: Path, form: str) -> dict[str, Any]:
    """The exported file: in the form `hf` the only one of a folder."""
    file = out / "data-00000-of-00001.arrow" if form == "hf" else out
    return {
        "@type": "cr:FileObject",
        "@id": "records-file",
        "name": file.name,
        "contentUrl": f"{out.name}/{file.name}" if form == "hf" else file.name,
        "contentSize": f"{file.stat().st_size} B",
        "encodingFormat": _ENCODING[form],
        "sha256": _sha256(file),
    }


def _field(column: pa.Field, form: str) -> dict[str, Any]:
    where = {"jsonPath": f"$.{column.name}"} if form == "jsonl" else {"column": column.name}
    return {
        "@type": "cr:Field",
        "@id": f"records/{column.name}",
        "name": column.name,
        "description": _MEANING[column.name],
        "dataType": _TYPES[column.type],
        "source": {"fileObject": {"@id": "records-file"}, "extract": where},
    }


_MEANING = {
    "role": "anchor, human or synthetic",
    "id": "identity of the record: SHA-256 of its normal form, first 32 digits",
    "text": "the record",
    "source": "who produced it",
    "batch": "digest of the file it came in",
    "declared": "origin that the source declared",
    "origin": "human, ai or mixed",
    "evidence": "what the origin rests on",
    "reason": "why, in words",
    "by": "who or what decided it",
    "held": "whether it still waits for a person (never in a training set)",
    "share": "how much of it counts as synthetic, 0 to 1",
    "spans": "places in characters that are model-made, where known",
    "tokens": "pieces between white space",
    "tag_digest": "digest of the tag, as the ledger holds it",
}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
