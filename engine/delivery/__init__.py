"""Sending, decided: messages, outcomes, the transport's contract, the send loop."""
