"""Clouds: what runs on the provincial one, by whose demand, how well it is used, under whose eyes."""
