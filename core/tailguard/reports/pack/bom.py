"""The model as a CycloneDX machine-learning bill of materials (version 1.6), held against the specification's own schema."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from tailguard import __version__
from tailguard.errors import TailguardError
from tailguard.plays.lineages import MeasureStatus
from tailguard.reports.pack.cards import Subject

SPEC = "1.6"


def bill(subject: Subject, *, made: datetime) -> bytes:
    """The bill as JSON. Raises TailguardError where it does not fit the schema."""
    model, dataset = subject.status.run, subject.composed.snapshot
    value: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "version": 1,
        "metadata": {
            "timestamp": made.replace(microsecond=0).isoformat() + "Z",
            "tools": {"components": [{"type": "application", "name": "tailguard", "version": __version__}]},
            "component": _model(subject),
        },
        "components": [_training_set(subject)],
        "dependencies": [{"ref": model, "dependsOn": [dataset]}, {"ref": dataset}],
    }
    text = json.dumps(value, indent=1, sort_keys=True)
    if problem := _problem(text):
        raise TailguardError(f"The bill of materials does not fit CycloneDX {SPEC}: {problem}. Please report this.")
    return text.encode() + b"\n"


def _model(subject: Subject) -> dict[str, Any]:
    """The generation as a component, with its model card: what it takes and gives, what its gate measured, its limits."""
    status = subject.status
    return {
        "type": "machine-learning-model",
        "bom-ref": status.run,
        "name": subject.made.lineage,
        "version": str(status.number),
        "hashes": [{"alg": "SHA-256", "content": subject.made.weights}],
        "modelCard": {
            "modelParameters": {
                "task": "text generation",
                "datasets": [{"ref": subject.composed.snapshot}],
                "inputs": [{"format": "text"}],
                "outputs": [{"format": "text"}],
            },
            "quantitativeAnalysis": {
                "performanceMetrics": [
                    {
                        "type": _metric(measure),
                        "value": f"{measure.delta:.6f}",
                        "confidenceInterval": {
                            "lowerBound": f"{measure.low:.6f}",
                            "upperBound": f"{measure.high:.6f}",
                        },
                    }
                    for measure in status.measures
                ]
            },
            "considerations": {
                "technicalLimitations": [
                    f"Gate: {status.verdict or 'no verdict'}. It measures loss of diversity and rare cases, not "
                    f"facts or safety."
                ]
            },
        },
    }


def _metric(measure: MeasureStatus) -> str:
    """What a figure is: the measure, how its change is counted, and against which reference."""
    change = "change in points" if measure.measure.in_points else "change"
    return f"{measure.label}, {change} against {measure.reference_kind} {measure.reference}"


def _training_set(subject: Subject) -> dict[str, Any]:
    """The training set as a component, with the sizes of its parts."""
    composed = subject.composed
    name = f"training set of {composed.run}"
    return {
        "type": "data",
        "bom-ref": composed.snapshot,
        "name": name,
        "hashes": [{"alg": "SHA-256", "content": composed.content}],
        "data": [
            {
                "type": "dataset",
                "name": name,
                "description": f"{composed.records} records, {composed.ratio_records:.4f} synthetic, ceiling "
                f"{composed.ceiling:.2f}",
            }
        ],
        "properties": [
            {"name": f"tailguard:part:{part.source}:{part.role}:{part.origin}", "value": str(part.records)}
            for part in subject.parts
        ],
    }


def _problem(text: str) -> str | None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    return None if problem is None else str(problem)
