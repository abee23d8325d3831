"""Capacity: a snapshot of the run goes in, a decision with its reasons comes out."""

from engine.control.capacity import Bounds, Capacity, Decision, Reading, decide

__all__ = ["Bounds", "Capacity", "Decision", "Reading", "decide"]
