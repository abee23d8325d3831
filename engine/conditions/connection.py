"""A DuckDB that can do nothing but compute: no files, no network, no extensions, no change of its settings."""

from __future__ import annotations

import duckdb

from engine.errors import CampaignError

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "memory_limit": "512MB",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "error_on_division_by_zero": "false",
}
# What stands twice in a query would be computed once, outside of the TRY that keeps an overflow to its row.
_LOCKED = (
    "disabled_optimizers = 'common_subexpressions'",
    "temp_directory = ''",
    "python_enable_replacements = false",
    "enable_external_access = false",
)


def connect(timezone: str) -> duckdb.DuckDBPyConnection:
    """A database in memory, on one thread, for sessions in ``timezone`` (IANA); its configuration is locked.

    Raises:
        CampaignError: DuckDB does not know the time zone.
    """
    connection = duckdb.connect(":memory:", config=_SETTINGS)
    for setting in _LOCKED:
        connection.execute(f"SET {setting}")
    try:
        connection.execute("SET TimeZone = ?", [timezone])
    except duckdb.Error:
        connection.close()
        raise CampaignError.single("MR208", f"conditions cannot use the timezone `{timezone}`") from None
    connection.execute("SET lock_configuration = true")
    return connection
