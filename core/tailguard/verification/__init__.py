"""Is all that is kept what was recorded? The log, the store, the ledgers, and what was signed."""
