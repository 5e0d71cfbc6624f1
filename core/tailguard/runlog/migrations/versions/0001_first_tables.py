"""The tables of version 1.

Frozen: later changes are migrations of their own, and a test compares what they add up to with the facts.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


TEXT, COUNT, FLAG, TIME = sa.Text(), sa.BigInteger(), sa.Boolean(), sa.DateTime()
SHARE: sa.Double[float] = sa.Double()

TABLES: dict[str, dict[str, Any]] = {
    "policy_in_force": {
        "digest": TEXT,
        "team": TEXT,
        "text": TEXT,
    },
    "run_started": {
        "run": TEXT,
        "lineage": TEXT,
        "number": COUNT,
        "parent": TEXT,
        "mode": TEXT,
        "policy": TEXT,
        "request": TEXT,
        "seed": COUNT,
        "tool_version": TEXT,
    },
    "stage_started": {
        "run": TEXT,
        "stage": TEXT,
    },
    "stage_result": {
        "run": TEXT,
        "stage": TEXT,
        "started": TIME,
        "passed": FLAG,
        "records_in": COUNT,
        "records_out": COUNT,
        "output": TEXT,
    },
    "artifact": {
        "run": TEXT,
        "stage": TEXT,
        "direction": TEXT,
        "kind": TEXT,
        "name": TEXT,
        "digest": TEXT,
    },
    "exit_criterion": {
        "run": TEXT,
        "stage": TEXT,
        "name": TEXT,
        "required": TEXT,
        "observed": TEXT,
        "held": FLAG,
        "waived_by": TEXT,
    },
    "batch_taken": {
        "run": TEXT,
        "batch": TEXT,
        "source": TEXT,
        "declared": TEXT,
        "file": TEXT,
        "read": COUNT,
        "rejected": COUNT,
        "duplicates": COUNT,
        "confident": COUNT,
        "held": COUNT,
        "estimate": SHARE,
        "estimate_low": SHARE,
        "estimate_high": SHARE,
        "conflict": TEXT,
    },
    "provenance_count": {
        "run": TEXT,
        "batch": TEXT,
        "source": TEXT,
        "declared": TEXT,
        "origin": TEXT,
        "evidence": TEXT,
        "records": COUNT,
        "tokens": COUNT,
    },
    "reason_count": {
        "run": TEXT,
        "stage": TEXT,
        "outcome": TEXT,
        "source": TEXT,
        "origin": TEXT,
        "reason": TEXT,
        "records": COUNT,
    },
    "review_decision": {
        "record": TEXT,
        "batch": TEXT,
        "source": TEXT,
        "origin": TEXT,
        "reason": TEXT,
        "held_since": TIME,
    },
    "detector_calibrated": {
        "detector": TEXT,
        "name": TEXT,
        "anchor": TEXT,
        "outputs_of": TEXT,
        "human_texts": COUNT,
        "ai_texts": COUNT,
        "auroc": SHARE,
        "true_positive_rate": SHARE,
        "false_positive_rate": SHARE,
        "error_rate": SHARE,
    },
    "anchor_frozen": {
        "anchor": TEXT,
        "name": TEXT,
        "records": COUNT,
        "tokens": COUNT,
        "rare_terms": COUNT,
    },
    "suite_frozen": {
        "suite": TEXT,
        "name": TEXT,
        "prompts": COUNT,
        "tail_prompts": COUNT,
        "samples_per_prompt": COUNT,
        "rare_terms": COUNT,
    },
    "tail_coverage": {
        "run": TEXT,
        "moment": TEXT,
        "origin": TEXT,
        "covered": COUNT,
        "cells": COUNT,
    },
    "composition": {
        "run": TEXT,
        "lineage": TEXT,
        "snapshot": TEXT,
        "content": TEXT,
        "anchor": TEXT,
        "records": COUNT,
        "tokens": COUNT,
        "anchor_records": COUNT,
        "synthetic_records": SHARE,
        "synthetic_tokens": SHARE,
        "ratio_records": SHARE,
        "ratio_tokens": SHARE,
        "ceiling": SHARE,
        "requested": SHARE,
    },
    "composition_part": {
        "run": TEXT,
        "snapshot": TEXT,
        "role": TEXT,
        "origin": TEXT,
        "source": TEXT,
        "records": COUNT,
        "tokens": COUNT,
    },
    "flagged_record": {
        "run": TEXT,
        "position": COUNT,
        "record": TEXT,
        "source": TEXT,
        "running_ratio": SHARE,
        "ceiling": SHARE,
    },
    "clearance": {
        "run": TEXT,
        "lineage": TEXT,
        "snapshot": TEXT,
        "allowed": FLAG,
        "enforced": FLAG,
        "exit_code": COUNT,
        "reason": TEXT,
        "override": TEXT,
    },
    "generation": {
        "run": TEXT,
        "lineage": TEXT,
        "number": COUNT,
        "parent": TEXT,
        "snapshot": TEXT,
        "weights": TEXT,
        "trainer": TEXT,
    },
    "evaluation": {
        "run": TEXT,
        "suite": TEXT,
        "outputs": TEXT,
        "decoding": TEXT,
        "prompts": COUNT,
        "samples_per_prompt": COUNT,
        "mean_words": SHARE,
        "empty_share": SHARE,
    },
    "measurement": {
        "run": TEXT,
        "measure": TEXT,
        "value": SHARE,
        "budget": COUNT,
    },
    "compared_measure": {
        "run": TEXT,
        "reference_kind": TEXT,
        "reference": TEXT,
        "measure": TEXT,
        "reference_value": SHARE,
        "candidate_value": SHARE,
        "delta": SHARE,
        "low": SHARE,
        "high": SHARE,
        "margin": SHARE,
        "verdict": TEXT,
        "detectable_loss": SHARE,
        "prompts": COUNT,
        "prompts_to_settle": COUNT,
    },
    "guard_check": {
        "run": TEXT,
        "reference_kind": TEXT,
        "name": TEXT,
        "required": TEXT,
        "observed": TEXT,
        "held": FLAG,
    },
    "gate_decision": {
        "run": TEXT,
        "lineage": TEXT,
        "gate": TEXT,
        "verdict": TEXT,
        "enforced": FLAG,
        "reason": TEXT,
        "override": TEXT,
    },
    "canary_result": {
        "run": TEXT,
        "kind": TEXT,
        "strength": SHARE,
        "loss": SHARE,
        "verdict": TEXT,
        "as_it_should": FLAG,
    },
    "term_shift": {
        "run": TEXT,
        "reference_kind": TEXT,
        "direction": TEXT,
        "term": TEXT,
        "occurrences": COUNT,
        "prompt": TEXT,
        "example": TEXT,
        "counterpart": TEXT,
    },
    "override_requested": {
        "override": TEXT,
        "gate": TEXT,
        "lineage": TEXT,
        "run": TEXT,
        "reason": TEXT,
        "expires": TIME,
    },
    "override_decided": {
        "override": TEXT,
        "decision": TEXT,
        "note": TEXT,
    },
    "override_used": {
        "override": TEXT,
        "run": TEXT,
        "gate": TEXT,
        "effect": TEXT,
    },
    "shipping_event": {
        "run": TEXT,
        "lineage": TEXT,
        "action": TEXT,
        "reason": TEXT,
        "override": TEXT,
    },
    "hand_off": {
        "run": TEXT,
        "file": TEXT,
        "digest": TEXT,
    },
    "outputs_logged": {
        "run": TEXT,
        "purpose": TEXT,
        "texts": COUNT,
        "fingerprints": TEXT,
    },
    "chain_sealed": {
        "sealed": TEXT,
        "length": COUNT,
        "head": TEXT,
    },
}

MAY_BE_MISSING = {
    ("run_started", "parent"),
    ("exit_criterion", "waived_by"),
    ("batch_taken", "estimate"),
    ("batch_taken", "estimate_low"),
    ("batch_taken", "estimate_high"),
    ("batch_taken", "conflict"),
    ("composition", "anchor"),
    ("composition", "requested"),
    ("clearance", "override"),
    ("generation", "parent"),
    ("compared_measure", "prompts_to_settle"),
    ("gate_decision", "override"),
    ("shipping_event", "override"),
}


def upgrade() -> None:
    op.create_table(
        "entry",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("chain", TEXT, nullable=False),
        sa.Column("seq", COUNT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("recorded", TIME, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("clock", TEXT, nullable=False),
        sa.Column("prev_hash", TEXT, nullable=False),
        sa.Column("row_hash", TEXT, nullable=False),
    )

    if op.get_bind().dialect.name == "postgresql":
        # On DuckDB the exclusive lock keeps places apart, and an index would be loaded at every opening of the file.
        op.create_index("entry_place", "entry", ["chain", "seq"], unique=True)
    for name, columns in TABLES.items():
        op.create_table(
            name,
            sa.Column("id", TEXT, nullable=False),
            *(sa.Column(column, kind, nullable=(name, column) in MAY_BE_MISSING) for column, kind in columns.items()),
        )


def downgrade() -> None:
    for name in (*TABLES, "entry"):
        op.drop_table(name)
