"""Disaster recovery and backup: one centre for the province, and who relies on it."""
