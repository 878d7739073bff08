"""The rollout of IPv6: who is in it, in which waves, what each has to show, and how far it is."""
