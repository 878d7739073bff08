"""Gates of the national standards: graded protection (GB/T 22239), recovery (GB/T 20988)."""
