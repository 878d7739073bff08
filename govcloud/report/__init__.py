"""What is gathered from the ledger for people: filters, trees, searches, portraits, tables to take away.

Everything here reads through a ``ledger.browsing.View`` and returns plain data; the commands show it.
"""
