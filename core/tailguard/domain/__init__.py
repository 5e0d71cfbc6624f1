"""Values, facts and pure rules that everybody may ask. Nothing here reads a file, the log or a clock."""
