"""The demonstration: chapters that type the program's own commands and keep the figures."""
