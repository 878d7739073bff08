"""Configurations of devices: written from the ledger, compared with what a device has."""
