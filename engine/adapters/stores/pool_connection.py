"""A pooled connection: psycopg for statements, and beside it, when asked for, a session of ADBC for whole batches."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

import psycopg
from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped]
from psycopg.conninfo import make_conninfo

CHECK_SECONDS = 5.0
"""A server that does not answer the look before use for so long is taken for dead."""


class PooledConnection(psycopg.Connection[tuple[Any, ...]]):
    """``execute`` is psycopg's. ``arrow`` is a second session with the same server, a DB-API connection of Arrow; the two see each
    other's changes only when they are committed, so that what must be whole goes through one of them."""

    _own: str
    _arrow: dbapi.Connection | None = None
    _arrow_asked = False
    patience: float | None = None
    """Seconds for which a reply is waited for; None for as long as the server lives."""

    @classmethod
    def connect(  # type: ignore[override]  # the pool calls it with these
        cls, conninfo: str, *, password: str | None, failed: Callable[[psycopg.Error], None]
    ) -> Self:
        """Connect; ``failed`` is told why not."""
        try:
            made = super().connect(conninfo, password=password, autocommit=True)
        except psycopg.Error as fault:
            failed(fault)
            raise
        info = made.info
        made._own = make_conninfo(conninfo, host=info.host, hostaddr=info.hostaddr, port=info.port, password=password)
        return made

    @property
    def server(self) -> str:
        """HOST:PORT."""
        return f"{self.info.host}:{self.info.port}"

    @property
    def arrow(self) -> dbapi.Connection:
        """The session of ADBC, made when it is first asked for. Its transaction is committed, or rolled back, with that of the context."""
        if self._arrow is not None and not self._arrow_asked and not _answers(self._arrow):
            self._close_arrow()
        if self._arrow is None:
            self._arrow = dbapi.connect(self._own)
        self._arrow_asked = True
        return self._arrow

    def commit_arrow(self) -> None:
        if self._arrow is not None and self._arrow_asked:
            self._arrow.commit()

    def rest(self) -> None:
        """Before it goes back: nothing of the session's is left open."""
        self.patience = None
        if self._arrow is not None and self._arrow_asked:
            self._arrow_asked = False
            try:
                self._arrow.rollback()
            except dbapi.Error:
                self._close_arrow()

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        return super().wait(gen, interval, self.patience if timeout is None else timeout)

    def close(self) -> None:
        self._close_arrow()
        super().close()

    def _close_arrow(self) -> None:
        arrow, self._arrow = self._arrow, None
        if arrow is not None:
            with suppress(dbapi.Error):
                arrow.close()


def _answers(arrow: dbapi.Connection) -> bool:
    try:
        with arrow.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except dbapi.Error:
        return False
    return True
