"""How fast the program is, next to its peers on the same work: ``python -m benchmarks``."""
