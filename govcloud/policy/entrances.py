"""Entries to services, platforms, shared components."""
