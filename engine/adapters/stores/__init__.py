"""Where a run keeps things: one file a kind."""
