"""Runs: stages carried out in durable segments, with events for whoever watches."""
