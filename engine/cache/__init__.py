"""Values kept near: layers, the stack that reads through them, and how they follow what they are copies of."""
