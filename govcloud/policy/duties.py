"""Organisation: who carries which duty."""
