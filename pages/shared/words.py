"""Text from records, names and reasons as a page shows it: as it is, and never obeyed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from tailguard.domain import glossary
from tailguard.domain.markdown import UNSEEN

_ADDRESS = re.compile(r"https?(?=://)|www(?=\.)", re.IGNORECASE)


def plain(text: str) -> str:
    """Text from records, names and reasons, so that Markdown shows it and does not obey it.

    Control characters and marks that turn the direction of writing are shown as a replacement character. Web addresses get
    a mark of no width, since Markdown makes links of them however they are escaped.
    """
    shown = _ADDRESS.sub("\\g<0>\u2060", UNSEEN.sub("\ufffd", text.replace("\n", " ")))
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~$:^&@])", r"\\\1", shown)


def unseen(text: str) -> str:
    """Text in a list of choices: control characters and marks that turn the direction of writing become visible."""
    return UNSEEN.sub("\ufffd", text)


def marked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """A record's text as Markdown that shows it as it is, with the suspicious spans marked."""
    parts, at = [], 0
    for start, stop in sorted(spans):
        if start >= at:
            parts += [paragraphs(text[at:start]), f":orange-background[{plain(text[start:stop])}]"]
            at = stop
    return "".join([*parts, paragraphs(text[at:])])


def on_chart(text: str) -> str:
    """Names in a chart's title, labels and hover text, shown and not obeyed; Plotly knows no entity for quotes."""
    return escape(UNSEEN.sub("\ufffd", text), quote=False)


def paragraphs(text: str) -> str:
    """Plain text with its line breaks kept."""
    return "  \n".join(plain(line) for line in text.split("\n"))


def meanings(terms: Sequence[str]) -> str | None:
    """What terms mean, for whoever hovers; None for no terms."""
    return "  \n".join(glossary.meaning(term) for term in terms) or None
