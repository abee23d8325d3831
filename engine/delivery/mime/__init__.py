"""Whole messages in columns: a rendering's ropes and an envelope's columns become bytes for the wire."""

from engine.delivery.mime.envelope import Envelope
from engine.delivery.mime.program import MessageProgram
from engine.delivery.mime.sender import SenderIdentity
from engine.delivery.mime.wire import WireBatch, WireBlock

__all__ = ["Envelope", "MessageProgram", "SenderIdentity", "WireBatch", "WireBlock"]
