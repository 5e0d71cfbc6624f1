"""The dashboard's frame: navigation, page config, and the bar that every page stands under."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # `pages` beside this file, also when the wheel carries both

import streamlit as st

from pages.shared import bar, components, entrance, opened, reads

st.set_page_config(page_title="Tailguard", page_icon="🛡️", layout="wide")
entrance.enter(opened.local())
components.page_begins()

waiting = components.waiting() if components.has_runs() else {}


def page_of(name: str, *, default: bool = False) -> st.Page:
    """A page in the navigation, with how much waits on it."""
    count = waiting.get(name, 0)
    return st.Page(f"pages/{name.lower()}.py", title=f"{name} ({count:,})" if count else name, default=default)


GROUPS = {
    "Watch": ("Overview", "Provenance", "Mixing", "Diversity", "Gates"),
    "Decide": ("Quarantine", "Overrides", "Loops", "Plays", "Drill"),
    "Look up": ("Runs",),
}
# Pages that a lighter profile has no use for.
LEFT_OUT = {"small": ("Loops", "Drill"), "api-only": ("Mixing", "Gates", "Overrides", "Drill")}
without = LEFT_OUT.get(reads.profile(), ()) if components.has_runs() else ()
PAGES = {
    group: [page_of(name, default=name == "Overview") for name in names if name not in without]
    for group, names in GROUPS.items()
}

page = st.navigation(PAGES)
st.session_state["navigation"] = True
asked = st.query_params.to_dict()
if wanted := asked.pop("page", None):  # a page that was opened before this file had run: see components.begin
    for known in (listed for group in PAGES.values() for listed in group):
        if known.title.partition(" ")[0].lower() == wanted:
            st.switch_page(known, query_params=asked)
st.logo(Path(__file__).parent / "pages" / "shared" / "logo.svg", size="large")
components.refresh_while_writing()
if components.has_runs():
    bar.show()
page.run()
