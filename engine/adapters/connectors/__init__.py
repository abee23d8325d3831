"""Sources of customers and events: one file a kind."""

from engine.adapters.connectors.drop import DropFolder
from engine.adapters.connectors.files import FORMATS, FileConnector
from engine.adapters.connectors.http_pages import HttpPages, Paging
from engine.adapters.connectors.stream import StreamConnector

__all__ = ["FORMATS", "DropFolder", "FileConnector", "HttpPages", "Paging", "StreamConnector"]
