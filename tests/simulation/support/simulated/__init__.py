"""A world in one thread: virtual time, a network, a disk and processes that die, all drawn from one seed."""
