"""Sources of recipients: one file a kind, listed in ``FORMATS``."""

from engine.adapters.sources.files import FORMATS, open_files

__all__ = ["FORMATS", "open_files"]
