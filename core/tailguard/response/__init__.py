"""Response to a collapse, rehearsed or real. It stands above the pipeline because it starts runs."""
