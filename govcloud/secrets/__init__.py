"""Secrets travel as references; here a value is fetched, versioned, handed over and kept out of words.

A value lives in this process's memory alone. It goes to a child by a socket that only children of this
process may ask (``handing``), or by a file in memory (``passphrase``), never by argument or environment.
"""
