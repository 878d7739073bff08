"""Data centres and machine rooms: which may be built, which merge, what each must keep."""
