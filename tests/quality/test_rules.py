"""The quality rules say of every text what datatrove's filters say, given the same words and sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailguard.policy.model import Quality
from tailguard.quality.rules import RULES, failing, quality
from tests.builders import passages

Passes = Callable[[str, str], bool]
"""Does a text pass the filters of a family?"""
PUBLISHED = Quality(min_words=50, min_sentences=5, short_text_words=0)


def sentences(text: str, _language: str = "en") -> list[str]:
    """The splitting that rules.py states: a closing mark that a space follows ends a sentence, and so does the line."""
    return re.split(r"(?<=[.!?]) (?! )", text)


@pytest.fixture(scope="module")
def reference() -> Iterator[Passes]:
    """The four filters of datatrove, each as text -> passes; words are pieces between white space."""
    pytest.importorskip("datatrove")
    from datatrove.data import Document
    from datatrove.pipeline.filters import c4_filters, fineweb_quality_filter, gopher_quality_filter
    from datatrove.pipeline.filters import gopher_repetition_filter as repetition

    patch = pytest.MonkeyPatch()
    for module in (gopher_quality_filter, repetition, fineweb_quality_filter):
        patch.setattr(module, "split_into_words", lambda text, _language: text.split())
    patch.setattr(c4_filters, "split_into_sentences", sentences)
    filters = {
        "gopher": gopher_quality_filter.GopherQualityFilter(),
        "gopher repetition": repetition.GopherRepetitionFilter(),
        "c4": c4_filters.C4QualityFilter(),
        "fineweb": fineweb_quality_filter.FineWebQualityFilter(),
    }
    yield lambda family, text: filters[family].filter(Document(text=text, id="0")) is True
    patch.undo()


FAMILIES = ("gopher", "gopher repetition", "c4", "fineweb")


def ours(texts: list[str]) -> dict[str, list[bool]]:
    failed = failing(texts, PUBLISHED)
    columns = {family: [place for place, rule in enumerate(RULES) if rule.family == family] for family in FAMILIES}
    return {family: [not any(row) for row in failed[:, columns[family]]] for family in FAMILIES}


def spoiled() -> list[str]:
    """Real passages joined to pages, and the ways in which pages are bad."""
    pool = passages()
    pages = ["\n".join(pool[at : at + 1 + at % 7]) for at in range(0, 1400, 7)]
    changed = []
    for at, page in enumerate(pages):
        words = page.split()
        changed += [
            page,
            page.replace(". ", " ... ") + "\n" + page[:120],
            "\n\n".join([*page.split("\n"), page.split("\n")[0]]),
            " ".join(words + words[at % 9 : at % 9 + 40]),
            "\n".join(f"- {line} [{at}]." for line in page.split("\n")),
            page + "\nRead our privacy policy, we use cookies to serve you.\nJavaScript is needed here.",
            page[: 30 * at] + "\n" * (at % 5) + "Lorem Ipsum dolor sit amet." * (at % 2),
            "\n".join(words),
            page.upper().replace("E", "é").replace("A", "…") + "。",
            "#".join(words[:60]) + " {x}" * (at % 3),
            "\u2028".join(words[:90]) + "\x0bof the and to.\r\nof the and to.\r\n\r\nof the and to.",
        ]
    return [text for text in changed if text.strip()]


@pytest.mark.parametrize("family", FAMILIES)
def test_decisions_are_those_of_datatrove(reference: Passes, family: str) -> None:
    texts = spoiled()

    found = ours(texts)[family]
    wanted = [reference(family, text) for text in texts]

    wrong = [text for text, ours, other in zip(texts, found, wanted, strict=True) if ours != other]
    assert not wrong, (len(wrong), wrong[0])
    assert 0.02 < np.mean(wanted) < 0.98, "the texts must tell the rules apart"


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from(["the", "to", "a.", "of…", "x", "é#", "...", "\n", "\n\n", "word!", "- b", "the end.", "ß{"]),
        min_size=1,
        max_size=120,
    )
)
def test_decisions_on_made_up_texts_are_those_of_datatrove(reference: Passes, pieces: list[str]) -> None:
    text = " ".join(pieces)
    if any(piece.strip() for piece in pieces):
        assert {family: [reference(family, text)] for family in FAMILIES} == ours([text])


@pytest.mark.timeout(60)
def test_many_different_blank_lines_end(reference: Passes) -> None:
    """More distinct lines than words: the tables have to hold them all."""
    blank = [" " * (at % 40) + "\t" * (at // 40) for at in range(3000)]
    text = "\n".join(["the", *blank, "to"])

    assert ours([text])["gopher repetition"] == [reference("gopher repetition", text)]


def test_each_rule_is_named_and_counts_once() -> None:
    texts = ["too short", passages()[0], "the to " * 40 + "{"]

    failed = failing(texts, Quality())

    assert next(rule.name for rule, wrong in zip(RULES, failed[0], strict=True) if wrong) == "too few words"
    assert quality(failed)[1] > quality(failed)[2]
    assert len({rule.name for rule in RULES}) == len(RULES) == 30


@pytest.mark.parametrize("text", ["", " ", "\n", "a", "\ud800", "𝒳" * 50, "e\u0301" * 40])
def test_any_text_is_measured(text: str) -> None:
    assert failing([text], Quality()).shape == (1, 30)
