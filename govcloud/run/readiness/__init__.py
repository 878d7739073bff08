"""What works over IPv6, measured from inside a host: a program of its own (``__main__``)."""
