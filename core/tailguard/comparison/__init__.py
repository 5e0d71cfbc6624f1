"""Two models compared with nothing set up: their answers to the same prompts."""
