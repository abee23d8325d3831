"""The order of things: plan, materialise, deliver; the in-process runner."""
