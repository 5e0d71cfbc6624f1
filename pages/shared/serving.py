"""Starts the server and, beside it, loads what pages need and reads the log, so that whoever looks first waits for neither.

python -m pages.shared.serving run app.py ...   takes what `streamlit run` takes
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from importlib import import_module

from streamlit import runtime
from streamlit.web import cli

from tailguard.errors import TailguardError

LOADED = ("charts", "components", "documents", "meeting_room", "play_charts", "production", "protocol", "trace")


def look_ahead() -> None:
    """Once the server is there: load and read. What is wrong with the log is told by the pages."""
    while not runtime.exists():
        time.sleep(0.02)
    for name in LOADED:
        import_module(f"pages.shared.{name}")
    from pages.shared import reads

    with suppress(TailguardError):
        reads.watched()


if __name__ == "__main__":
    threading.Thread(target=look_ahead, daemon=True).start()
    cli.main(prog_name="streamlit")
