"""Requests: what a unit asks for in one form, what people decide about it, and what becomes of it."""
