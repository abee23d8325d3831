"""What happened to each planned message: entries, states, replay, and the contract of the stores that keep them."""
