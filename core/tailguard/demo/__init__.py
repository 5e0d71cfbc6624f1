"""The demo: the pipeline itself on real text. `harvest` reads human passages on this machine, `story` runs twelve months."""
