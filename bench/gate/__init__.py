"""The gate, measured: python -m bench.gate PART [DATA]. `__main__` has the parts, each module measures one thing."""
