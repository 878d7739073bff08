"""Addresses: how they are written, and (later) how they are planned and given out."""
