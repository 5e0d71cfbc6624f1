"""What a record, or the card of its data set, says of its own origin, in the fields that are in use for it.

Read are: a plain `origin` column; the model fields of Hugging Face data sets (`generation_model` and its like, as
distilabel writes them) and `language_creators` of a data set card; IPTC digital source types; PROV attribution as in
Croissant 1.1, and `rai:dataCollectionType` of Croissant's responsible AI vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailguard.domain.tags import Origin
from tailguard.ports import Columns

MODEL_FIELDS = ("generation_model", "generated_by", "generator", "model_name", "llm")
"""Fields that name the model which wrote a text; a value in one of them declares it model-made."""
SOURCE_TYPE_FIELDS = ("digitalSourceType", "digital_source_type")
SOURCE_TYPES = {
    "trainedalgorithmicmedia": Origin.AI,
    "compositewithtrainedalgorithmicmedia": Origin.MIXED,
    "compositesynthetic": Origin.MIXED,
    "humanedits": Origin.HUMAN,
    "digitalcreation": Origin.HUMAN,
}
"""Of the IPTC NewsCodes digital source types, those that tell who wrote a text."""
CREATORS = {"machine-generated": Origin.AI, "crowdsourced": Origin.HUMAN, "expert-generated": Origin.HUMAN}
"""Of the Hugging Face card's `language_creators`; `found` and `other` say nothing of who wrote."""
_AGENTS = {"softwareagent": Origin.AI, "person": Origin.HUMAN}


@dataclass(frozen=True)
class Declared:
    """An origin and the field that states it; or what is wrong with that field."""

    origin: str
    field: str
    problem: str = ""


def declared_in(row: Mapping[str, Any], columns: Columns) -> Declared | None:
    """What a record says of itself, the plainest field first, or None. Fields that contradict each other, or hold something
    else than a word, are a problem."""
    origin = row.get(columns.origin)
    if origin is not None and origin != "":
        if not isinstance(origin, str) or origin not in set(Origin):
            return Declared(
                "", columns.origin, f"{columns.origin} is {str(origin)[:80]!r}, expected human, ai, mixed or unknown"
            )
        return Declared(str(origin), columns.origin)
    for field in (*SOURCE_TYPE_FIELDS, *MODEL_FIELDS):
        value = row.get(field)
        if value is not None and not isinstance(value, str):
            return Declared(
                "", field, f"{field} is {type(value).__name__}, expected a word that tells who wrote the text"
            )
    declarations = [declaration for declaration in (_source_type(row), _prov(row), _model(row)) if declaration]
    if len({declaration.origin for declaration in declarations}) > 1:
        conflict = " and ".join(f"{declaration.field} says {declaration.origin}" for declaration in declarations)
        return Declared("", declarations[0].field, f"its fields contradict each other: {conflict}")
    return declarations[0] if declarations else None


def _model(row: Mapping[str, Any]) -> Declared | None:
    for field in MODEL_FIELDS:
        value = row.get(field)
        if isinstance(value, str) and value.strip():
            human = value.strip().lower() in ("human", "none", "null")
            return Declared(Origin.HUMAN if human else Origin.AI, field)
    return None


def _source_type(row: Mapping[str, Any]) -> Declared | None:
    for field in SOURCE_TYPE_FIELDS:
        value = row.get(field)
        if isinstance(value, str):
            origin = SOURCE_TYPES.get(value.rstrip("/").rpartition("/")[2].lower())
            if origin:
                return Declared(origin, field)
    return None


def _prov(row: Mapping[str, Any]) -> Declared | None:
    """`prov:wasAttributedTo` (or `prov:wasGeneratedBy`, by its agent): persons, software agents, or both."""
    for field in ("prov:wasAttributedTo", "wasAttributedTo", "prov:wasGeneratedBy", "wasGeneratedBy"):
        value = row.get(field)
        agents = value if isinstance(value, list) else [value]
        origins = {_agent(agent) for agent in agents if isinstance(agent, Mapping)} - {None}
        if origins:
            return Declared(str(origins.pop()) if len(origins) == 1 else Origin.MIXED, field)
    return None


def _agent(value: Mapping[str, Any]) -> Origin | None:
    inner = value.get("prov:wasAssociatedWith") or value.get("wasAssociatedWith")
    if isinstance(inner, Mapping):
        return _agent(inner)
    kinds = value.get("@type") or value.get("type")
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if isinstance(kind, str) and (origin := _AGENTS.get(kind.rpartition(":")[2].lower())):
            return origin
    return None


def declared_by_card(card: Mapping[str, Any]) -> Declared | None:
    """What the front matter of a Hugging Face data set card says of all records."""
    creators = card.get("language_creators")
    origins = {CREATORS.get(str(creator)) for creator in (creators if isinstance(creators, list) else [creators])}
    if None not in origins and origins:
        known = {str(origin) for origin in origins}
        return Declared(known.pop() if len(known) == 1 else Origin.MIXED, "README.md language_creators")
    tags = card.get("tags")
    if isinstance(tags, list) and "synthetic" in tags:
        return Declared(Origin.AI, "README.md tags")
    return None


def declared_by_croissant(description: Mapping[str, Any]) -> Declared | None:
    """What a Croissant description says of all records: PROV first, then how the data was collected."""
    if declared := _prov(description):
        return Declared(declared.origin, f"croissant.json {declared.field}")
    for field in ("rai:dataCollectionType", "dataCollectionType"):
        value = description.get(field)
        kinds = [str(kind).lower() for kind in (value if isinstance(value, list) else [value]) if kind]
        made = [kind for kind in kinds if "synthetic" in kind or "machine" in kind or "generated" in kind]
        if made:
            return Declared(Origin.AI if len(made) == len(kinds) else Origin.MIXED, f"croissant.json {field}")
    return None
