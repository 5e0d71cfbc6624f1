"""The run log: what was seen, decided and let through, as rows that only grow.

`schema` makes the tables from the facts, `connection` opens and closes the log, `recorder` appends facts to hash chains,
`verify` walks the chains, a `view` answers questions, those of one subject in `views`. No other package speaks SQL.
"""
