"""The policy of a team: one frozen value, read from policy.toml."""
