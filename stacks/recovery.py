"""The recovery site: networks, servers and the standby instances that take over."""


def program(slice):
    """Networks first, then all that stands in them."""
    for network in slice.of("Network"):
        slice.declare(network)
    for machine in slice.of("Server", "Instance"):
        slice.declare(machine)
