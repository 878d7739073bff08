"""A data centre: its networks, and the servers plugged into them."""


def program(slice):
    """A server needs the network that it is plugged into."""
    for network in slice.of("Network"):
        slice.declare(network)
    for server in slice.of("Server"):
        slice.declare(server)
