"""Synthetic customers around the real rows of the Hillstrom e-mail experiment."""
