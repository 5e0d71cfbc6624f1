"""Text from records, names and reasons as a page shows it: as it is, and never obeyed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from tailguard.domain.markdown import UNSEEN


def plain(text: str) -> str:
    """Text from records, names and reasons, so that Markdown shows it and does not obey it.

    Control characters and marks that turn the direction of writing are shown as a replacement character.
    """
    shown = UNSEEN.sub("\ufffd", text.replace("\n", " "))
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


def title(text: str) -> str:
    """Names and slices in a chart's title, shown and not obeyed."""
    return escape(UNSEEN.sub("\ufffd", text))


def paragraphs(text: str) -> str:
    """Plain text with its line breaks kept."""
    return "  \n".join(plain(line) for line in text.split("\n"))
