"""`python -m tailguard.cli` is `tailguard`."""

from tailguard.cli import main

main()
