"""The model as a CycloneDX machine-learning bill of materials (version 1.6), held against the specification's own schema."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from tailguard import __version__
from tailguard.errors import TailguardError
from tailguard.reports.pack.cards import Subject

SPEC = "1.6"


def bill(subject: Subject, *, made: datetime) -> bytes:
    """The bill as JSON. Raises TailguardError where it does not fit the schema."""
    status, composed = subject.status, subject.composed
    value: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "version": 1,
        "metadata": {
            "timestamp": made.replace(microsecond=0).isoformat() + "Z",
            "tools": {"components": [{"type": "application", "name": "tailguard", "version": __version__}]},
            "component": {
                "type": "machine-learning-model",
                "bom-ref": status.run,
                "name": subject.made.lineage,
                "version": str(status.number),
                "hashes": [{"alg": "SHA-256", "content": subject.made.weights}],
                "modelCard": {
                    "modelParameters": {
                        "task": "text generation",
                        "datasets": [{"ref": composed.snapshot}],
                        "inputs": [{"format": "text"}],
                        "outputs": [{"format": "text"}],
                    },
                    "quantitativeAnalysis": {
                        "performanceMetrics": [
                            {
                                "type": f"{one.measure}, change against {one.reference_kind} {one.reference}",
                                "value": f"{one.delta:.6f}",
                                "confidenceInterval": {"lowerBound": f"{one.low:.6f}", "upperBound": f"{one.high:.6f}"},
                            }
                            for one in status.measures
                        ]
                    },
                    "considerations": {
                        "technicalLimitations": [
                            f"Gate: {status.verdict or 'no verdict'}. It measures loss of diversity and rare cases, not "
                            f"facts or safety."
                        ]
                    },
                },
            },
        },
        "components": [
            {
                "type": "data",
                "bom-ref": composed.snapshot,
                "name": f"training set of {composed.run}",
                "hashes": [{"alg": "SHA-256", "content": composed.content}],
                "data": [
                    {
                        "type": "dataset",
                        "name": f"training set of {composed.run}",
                        "description": f"{composed.records} records, {composed.ratio_records:.4f} synthetic, ceiling "
                        "{composed.ceiling:.2f}",
                    }
                ],
                "properties": [
                    {"name": f"tailguard:part:{part.source}:{part.role}:{part.origin}", "value": str(part.records)}
                    for part in subject.parts
                ],
            }
        ],
        "dependencies": [
            {"ref": status.run, "dependsOn": [composed.snapshot]},
            {"ref": composed.snapshot},
        ],
    }
    text = json.dumps(value, indent=1, sort_keys=True)
    if problem := _problem(text):
        raise TailguardError(f"The bill of materials does not fit CycloneDX {SPEC}: {problem}. Please report this.")
    return text.encode() + b"\n"


def _problem(text: str) -> str | None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    return None if found is None else str(found)
