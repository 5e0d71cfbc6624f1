"""Where one record came from: a form that asks for it, and a dialog with all that is known of it."""

from __future__ import annotations

import streamlit as st

from pages.shared import components, reads, tables
from pages.shared.frames import as_frame
from pages.shared.words import paragraphs, plain
from tailguard.errors import TailguardError
from tailguard.plays.provenance import tracing

_LONGEST_SHOWN = 3000


def ask() -> None:
    """The form."""
    with st.form("trace", border=True), st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = st.text_input(
            "Where did this record come from?",
            placeholder="A record's id, its beginning (8 digits or more), or its whole text",
            key="wanted",
        )
        if st.form_submit_button("Trace") and wanted.strip():
            _show(wanted)


@st.dialog("Where this record came from", width="large")
def _show(wanted: str) -> None:
    """All that is known of one record."""
    try:
        trace = reads.trace(wanted)
    except TailguardError as error:
        st.error(plain(str(error)))
        return
    st.markdown(f"**{plain(trace.sentence)}**")
    if trace.text:
        with st.container(border=True, height=180):
            st.markdown(paragraphs(trace.text[:_LONGEST_SHOWN]))
    if trace.tags:
        st.markdown("**Tags, the newest in force**")
        tags = as_frame(tracing.TagEntry, trace.tags)
        tags = tags.rename(columns={"recorded": "when", "proven": "proven by ledger"}).assign(
            batch=tags["batch"].str[:12]
        )
        shown = ["when", "run", "source", "origin", "evidence", "reason", "by", "held", "proven by ledger", "batch"]
        tables.table(tags[shown], key="trace-tags")
    if trace.answers:
        st.markdown("**Answers of reviewers**")
        tables.table(as_frame(tracing.Answer, trace.answers), key="trace-answers")
    if trace.uses:
        st.markdown("**Training sets that hold it**")
        tables.table(as_frame(tracing.Use, trace.uses), key="trace-uses")
    if trace.own_output:
        st.markdown(plain(f"It is ours: {trace.own_output.kind} of {trace.own_output.generation}."))
    components.remark(
        "A tag is proven when its digest leads to the Merkle root that the run log recorded for its ledger."
    )
