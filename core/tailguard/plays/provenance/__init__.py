"""Play 1, provenance: where each record comes from, and what waits for a person because nobody can tell.

`sources` and `quarantine` are what people decide, `exchange` takes the queue elsewhere and back, `tracing` follows one record,
`own_output` and `detector` recognise model-made text, `findings` reads what the log shows of all that.
"""
