"""Our own models' texts, recognised when they come back as data: whole, edited, or as a part of a longer text.

The cheapest and surest detector of a loop (K. Krishna et al., "Paraphrasing evades detectors of AI-generated text, but
retrieval is an effective defense", NeurIPS 2023). `grams` reads, `segments` remembers, `index` answers.
"""
