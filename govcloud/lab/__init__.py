"""The lab: a province in Linux namespaces on this machine, and the agent that owns it."""
