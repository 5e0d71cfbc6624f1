"""What the words mean. The dashboard shows a meaning wherever its word heads a card, a chart or a column, and docs/glossary.md
is written from here."""

from __future__ import annotations

import re

TERMS: dict[str, str] = {
    "alpha": "One-sided error rate of each comparison: the chance that the gate passes a loss that lies exactly at the margin.",
    "anchor": "A frozen set of verified human records that is part of every training set and is never replaced wholesale.",
    "attestation": "The quality owner's word, once a month, on whether a play is really running; it is shown beside what "
    "the log shows.",
    "batch": "Records that came in together from one source, with one declaration.",
    "boilerplate": "An opening or closing that many answers of one side share. It is excluded on both sides and "
    "reported; it does not gate.",
    "ceiling": "The largest synthetic share that a lineage's training set may have, in records and in tokens.",
    "checkpoint": "A named review or filter on an edge over which output can come back, with an owner and evidence "
    "that it works.",
    "clearance": "The signed answer to a training job that asks whether it may train on a set.",
    "confident tag": "Human, AI or mixed, on evidence that the intake rules accept. Unknown is none.",
    "contract": "What a source's owner declares about it: origin, licence, since when. It counts once the quality "
    "owner has signed it.",
    "coverage": "Provenance coverage: the share of distinct records that got a confident tag at intake.",
    "defect": "What makes an answer unusable: empty, a refusal, a copy of the prompt, a loop, words without order, "
    "a copy of another answer, another question's answer, another language, far too short.",
    "delta": "Change of a measure on the same prompts: candidate / reference - 1 (-4% means that the candidate has "
    "4% less), or candidate - reference in points where the measure is a share.",
    "detectable loss": "The smallest loss that this comparison would find in 8 of 10 cases.",
    "digest": "SHA-256 of the bytes: what has the same digest is the same.",
    "drift": "A source no longer looks like the texts that the detector was calibrated on, so its verdicts there may be wrong.",
    "exit criterion": "What a stage must show before the next one may start: what was required, what was observed, whether "
    "it was met.",
    "finding": "Something in the log that a person should look at, with the time at which it began.",
    "floor": "What the answers of a first generation have to meet: prompts and tail prompts answered, usable, in "
    "their prompt's language.",
    "gate": "Where a candidate is compared with its references: PASS, BASELINE, BLOCK, INCONCLUSIVE or NOT COMPARABLE.",
    "generation": "A model that one run of a lineage trained, named like the run: lineage/number.",
    "guard": "What must hold for a comparison to mean anything: same prompts, samples, suite, decoding and scored "
    "items, and a reference of which at most a third is unusable.",
    "held record": "Kept back until a person decides; it does not advance.",
    "interval": "90% interval: a Wilson interval for shares of records; for measures of answers, from how far the "
    "change moves when each prompt is left out.",
    "kappa": "Cohen's kappa of two reviewers who do not see each other's answer: 1 is full agreement, 0 is chance.",
    "lineage": "A line of generations, each trained after the last.",
    "loop": "A way on which a model's output comes back as training data. Guarded when a live checkpoint is on it.",
    "margin": "The largest loss that still passes, as a share of the reference's value or in points; verdict "
    "sentences call it the limit.",
    "origin": "Who wrote a record: human, AI, mixed or unknown.",
    "override": "A documented exception for one run at one gate, with a reason, an end, and an approver who did not ask for it.",
    "PACC": "Probabilistic adjusted classify and count: an estimate of the model-made share of a batch from the detector's scores.",
    "planted damage": "Damage of a known kind put into the candidate's own answers: past the margin the gate must block it.",
    "play": "One of five standing duties: provenance, mixing ratios, loops, diversity monitoring, response "
    "drill. Each has one owner.",
    "points": "Difference of two percentages: from 97% to 95% is a loss of 2 points.",
    "prompt for prompt": "Counted in the answers to equally many prompts: what a candidate leaves out counts, and so does length.",
    "quarantine": "Where records wait whose origin nobody can tell.",
    "rare cell": "A rare term of the anchor in one of its topics.",
    "rare words": "Words of the answers that are rare in the anchor (in 2 to 8 of its records); in the answers to tail "
    "prompts where the suite marks them.",
    "rarefied": "Averaged over all samples of one size, so that more answers alone do not look like more different words.",
    "ratio": "Synthetic share of a training set: mixed records count by their model-made share, unknown ones as synthetic.",
    "reference": "What a candidate is compared with: its parent (the newest not blocked), the one in production, the best and the "
    "first.",
    "run": "One pass through the stages: intake, score, compose, train, evaluate, gate, handoff.",
    "sign-off": "The quality owner's approval of a verdict before its generation ships, where the policy asks for it. A new "
    "verdict needs a new one.",
    "SLD": "Saerens, Latinne and Decaestecker's estimate of the model-made share; where it differs from PACC, believe neither.",
    "snapshot": "The manifest of a training set: record digests, policy, seed and versions. Rebuilding it gives the same bytes.",
    "stream": "What one model writes in production, measured week by week against a frozen reference.",
    "synthetic": "Written by a model, whole or in part.",
    "tokens": "Words and marks as the built-in tokenizer counts them.",
    "unit": "Whether shares are counted in records or in tokens.",
    "unknown": "An origin that nobody could tell: it is held at intake and counts as synthetic wherever it is weighed.",
    "usable answer": "An answer without a defect. Only usable answers give words to the other measures.",
    "variety within a prompt": "How much the answers to one prompt differ: 100% when no two share a run of four words, 0% when all "
    "are the same.",
    "verdict": "PASS: no loss past the margin is possible. BASELINE: a first generation that meets the floors. BLOCK: a loss is "
    "shown, or a floor is missed. INCONCLUSIVE: neither. NOT COMPARABLE: a guard failed, or "
    "shorter answers explain the loss.",
    "vocabulary": "How many different words the usable answers have, at a fixed budget of words or of prompts.",
    "word for word": "Counted in equally many words, so that length does not matter.",
    "word pairs": "How many different pairs of neighbouring words the usable answers have, in equally many pairs.",
}

COLUMNS: dict[str, str] = {
    "anchor": "anchor", "attested": "attestation", "batch": "batch", "ceiling": "ceiling", "confident": "confident tag",
    "change in": "points", "contract": "contract", "coverage": "coverage", "declared": "origin", "defect": "defect",
    "delta": "delta",
    "detectable_loss": "detectable loss", "digest": "digest", "drift": "drift", "gate": "gate", "held": "held record",
    "high": "interval", "low": "interval", "loss": "planted damage", "margin": "margin", "mode": "gate",
    "origin": "origin", "override": "override", "overrides": "override", "PACC": "PACC", "ratio": "ratio",
    "ratio_records": "ratio", "ratio_tokens": "ratio", "reference": "delta", "run": "run", "running_ratio": "ratio",
    "SLD": "SLD", "snapshot": "snapshot", "stream": "stream", "strength": "planted damage", "tokens": "tokens",
    "unit": "unit", "verdict": "verdict", "estimate": "PACC", "finding": "finding", "checkpoint": "checkpoint",
    "loop": "loop", "play": "play", "lineage": "lineage", "sign-off": "sign-off",
}  # fmt: skip
"""The term that the heading of a table's column stands for."""


_KNOWN = {term.casefold(): term for term in TERMS}
_ANY = re.compile(
    rf"(?<![\w/-])({'|'.join(re.escape(term) for term in sorted(TERMS, key=len, reverse=True))})s?(?![\w/-])",
    re.IGNORECASE,
)


def meaning(term: str) -> str:
    """What a term means, as a page shows it. Raises KeyError for a word that the glossary does not have."""
    return f"**{term}**: {TERMS[term]}"


def terms_in(text: str) -> list[str]:
    """The terms that a sentence uses, in the order in which it uses them; a longer term counts before one that it holds."""
    terms: dict[str, None] = {}
    for match in _ANY.finditer(text):
        terms[_KNOWN[match[1].casefold()]] = None
    return list(terms)


def page() -> str:
    """The glossary as docs/glossary.md holds it."""
    rows = [
        f"| {term} | {definition} |" for term, definition in sorted(TERMS.items(), key=lambda pair: pair[0].casefold())
    ]
    head = [
        "# Glossary",
        "",
        "Written from `core/tailguard/domain/glossary.py`; the dashboard shows the same words.",
        "",
    ]
    return "\n".join([*head, "| term | meaning |", "|---|---|", *rows, ""])
