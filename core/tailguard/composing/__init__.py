"""The arithmetic of a training set: what fits under a ceiling, in which order, and between which bounds a ratio lies."""
