"""Telling people: notices in the ledger's outbox, and their way to webhooks and mail.

``messages`` writes them, in the transaction of what they tell; ``delivery`` takes them to the channels
outside of any transaction, and ``courier`` does so beside a run; ``webhook`` and ``mail`` are the two ways;
``veil`` keeps what is classified.
"""
