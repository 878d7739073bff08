"""Capacity: what there is, who holds it, who uses it, and where something new would stand."""
