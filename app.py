"""The dashboard's frame: navigation, page config, and the bar that every page stands under."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # `pages` beside this file, also when the wheel carries both

import streamlit as st

from pages.shared import components, reads

st.set_page_config(page_title="Tailguard", page_icon="🛡️", layout="wide")

PAGES = {
    "Watch": [
        st.Page("pages/overview.py", title="Overview", default=True),
        st.Page("pages/provenance.py", title="Provenance"),
        st.Page("pages/mixing.py", title="Mixing"),
        st.Page("pages/diversity.py", title="Diversity"),
        st.Page("pages/gates.py", title="Gates"),
    ],
    "Decide": [
        st.Page("pages/quarantine.py", title="Quarantine"),
        st.Page("pages/overrides.py", title="Overrides"),
        st.Page("pages/loops.py", title="Loops"),
        st.Page("pages/plays.py", title="Plays"),
        st.Page("pages/drill.py", title="Drill"),
    ],
    "Look up": [st.Page("pages/runs.py", title="Runs")],
}

# Pages that a lighter profile has no use for.
LEFT_OUT = {"small": ("Loops", "Drill"), "api-only": ("Mixing", "Gates", "Overrides", "Drill")}
if components.has_runs() and (without := LEFT_OUT.get(reads.profile())):
    PAGES = {group: [one for one in pages if one.title not in without] for group, pages in PAGES.items()}

page = st.navigation(PAGES)
st.session_state["navigation"] = True
asked = st.query_params.to_dict()
if wanted := asked.pop("page", None):  # a page that was opened before this file had run: see components.begin
    for known in (one for group in PAGES.values() for one in group):
        if known.title.lower() == wanted:
            st.switch_page(known, query_params=asked)
st.logo(Path(__file__).parent / "pages" / "shared" / "logo.svg", size="large")
components.refresh_while_writing()
if components.has_runs():
    components.bar()
page.run()
