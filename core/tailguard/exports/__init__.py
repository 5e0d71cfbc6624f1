"""Training sets for others, each record with its tag: files, data set folders, and their Croissant description."""
