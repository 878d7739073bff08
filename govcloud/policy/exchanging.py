"""Data exchange: who is docked with what, what is shared, opened, bought, collected twice."""
