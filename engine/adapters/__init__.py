"""The outside world: sources, transports, stores, the inbox."""
