"""Projects, their stages and their funds."""
