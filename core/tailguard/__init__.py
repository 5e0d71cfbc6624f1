"""Tailguard keeps models from collapsing on their own output.

A tour:

- `domain` holds the values and pure rules, `ports` what outsiders may bring.
- `stages` do the work: intake, score, compose, train, evaluate, gate, handoff; `pipeline` shows them in order.
- `desk` answers people and training jobs: clearance, overrides, shipping, reviews, freezing.
- `diversity` and `detection` are the science; `adapters` the readers and trainers behind the ports.
- `store` keeps contents under their digests, `runlog` remembers every fact in hash chains; `workspace` joins them.
- `cli` and the dashboard (`app.py`, `pages/`) are what people see; `demo` runs it all on real text.

Importing this package loads nothing heavy.
"""

__version__ = "0.1.0"
