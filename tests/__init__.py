"""Tests, in the same folders as what they test.

Where Python is told to leave no bytecode beside the sources, each worker, command and dashboard of a test run would compile
pandas, Streamlit and ours anew, 3 s of CPU every time. They keep theirs in pytest's folder instead.
"""

import os
import sys
from pathlib import Path

if sys.dont_write_bytecode:
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.pycache_prefix = str(Path(__file__).parent.parent / ".pytest_cache" / "bytecode")
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
