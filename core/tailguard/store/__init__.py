"""The store: records, ledgers, manifests, weights and outputs, each named by the digest of its content."""
