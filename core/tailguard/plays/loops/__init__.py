"""Play 3, breaking loops: where our own output can come back as training data, and what stands in its way.

`flows` has the values; `declared` reads flows.yaml, `imported` the lineage files of other systems, `observed` the run log;
`search` finds the loops, `standing` says how each of them stands, `findings` what of that has to be asked, `diagram` draws,
`actions` is what people do about them.
"""
