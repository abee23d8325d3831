"""How commands run, and what a run's workers must know."""

from __future__ import annotations

import os
import tomllib
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from engine.errors import UsageError
from engine.pipeline.definition import TENANT


class AppSettings(BaseSettings):
    """How commands run. Precedence: flag, environment (``MAILRAY_...``), ``mailray.toml`` in the working folder, default."""

    model_config = SettingsConfigDict(env_prefix="MAILRAY_", toml_file="mailray.toml", extra="forbid", frozen=True)

    runs: Path = Path("runs")
    stores: Path | None = (
        None  # what outlives runs: suppressed addresses, frequency caps; `.mailray` beside the runs if absent
    )
    transport: str | None = None
    credentials: str | None = Field(default=None, pattern="^(env|file):.")  # those of the transport, by reference
    runner: Literal["ray", "inline"] = "ray"
    address: str | None = None
    object_store_mib: int = 300
    most_cpus: int | None = None  # how far a run may ask an autoscaled cluster to grow; Ray itself does not tell
    dns: str | None = None  # the resolver that the doctor asks, ADDRESS[:PORT]; the machine's own if absent
    tenant: str = TENANT
    ledger: str | None = None  # postgresql://user@host/database; files in the run's folder if absent
    ledger_password: str | None = None  # env:NAME or file:PATH; libpq's own password file if absent
    store: str | None = None  # postgresql://user@host/database, of one host or several; files in `stores` if absent
    store_password: str | None = Field(default=None, pattern="^(env|file):.")
    store_replicas: tuple[str, ...] = ()  # postgresql://user@host/database of each
    store_replica_lag: float = Field(default=5.0, ge=0)  # seconds
    store_max_connections: int = Field(default=20, ge=1)  # of each process to each server
    store_min_connections: int = Field(default=5, ge=0)
    store_connection_timeout: float = Field(default=30.0, gt=0)
    store_idle_timeout: float = Field(default=600.0, gt=0)
    redis: str | None = (
        None  # redis://host:port/database, which nodes share as a cache; each has only its own memory if absent
    )
    redis_password: str | None = Field(default=None, pattern="^(env|file):.")
    cache_secret: str | None = Field(
        default=None, pattern="^(env|file):."
    )  # proves that we have written what Redis holds
    cache_memory_mib: int = Field(default=64, ge=1)  # of each process
    cache_ttl_seconds: float = Field(default=300.0, gt=0)
    queue: str | None = None  # redis://host:port/database, where the automation's queue is; beside the store if absent
    webhooks_allowed: tuple[str, ...] = ()  # host:port of private addresses that workflows may call

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @classmethod
    def load(cls, **flags: object) -> Self:
        """The settings in force; flags that were not given (None) count for nothing. Raises UsageError."""
        given = {name: value for name, value in flags.items() if value is not None}
        if "address" not in given and "RAY_ADDRESS" in os.environ:  # set inside a submitted Ray job
            given.setdefault("address", os.environ["RAY_ADDRESS"])
        try:
            return cls(**given)  # type: ignore[arg-type]  # what is wrong with them is for pydantic to find
        except (ValidationError, tomllib.TOMLDecodeError) as fault:
            raise UsageError.single(
                "MR002", f"the settings are not valid: {_words(fault)}", help="MAILRAY_... and mailray.toml"
            ) from fault

    @property
    def stores_folder(self) -> Path:
        return (self.stores or self.runs.absolute().parent / ".mailray").absolute()

    @property
    def stores_at(self) -> StoresAt:
        """Where what outlives runs is kept, for any process; a password's file is named by its whole path from here on."""
        return StoresAt(
            folder=self.stores_folder,
            database=self.store,
            password=_anywhere(self.store_password),
            replicas=self.store_replicas,
            replica_lag=self.store_replica_lag,
            max_connections=self.store_max_connections,
            min_connections=min(self.store_min_connections, self.store_max_connections),
            connection_timeout=self.store_connection_timeout,
            idle_timeout=self.store_idle_timeout,
        )

    @property
    def cache_at(self) -> CacheAt:
        """What caches a process has, for any process."""
        return CacheAt(
            redis=self.redis,
            password=_anywhere(self.redis_password),
            secret=_anywhere(self.cache_secret),
            memory=self.cache_memory_mib << 20,
            ttl_seconds=self.cache_ttl_seconds,
        )

    def new_run_folder(self, campaign: str, now: datetime) -> Path:
        """``runs/CAMPAIGN-INSTANT``."""
        return self.runs / f"{campaign}-{now:%Y%m%dT%H%M%SZ}"


@dataclass(frozen=True, slots=True)
class StoresAt:
    """Where what outlives runs is kept: in files of ``folder``, or in ``database`` with its ``password`` by reference.

    Connections are those of one process to one server, times are in seconds.
    """

    folder: Path
    database: str | None = None
    password: str | None = None
    replicas: tuple[str, ...] = ()
    replica_lag: float = 5.0
    max_connections: int = 20
    min_connections: int = 5
    connection_timeout: float = 30.0
    idle_timeout: float = 600.0

    def as_record(self) -> dict[str, Any]:
        """For a run's manifest."""
        return {**asdict(self), "folder": str(self.folder), "replicas": list(self.replicas)}

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> Self:
        return cls(**{**record, "folder": Path(record["folder"]), "replicas": tuple(record["replicas"])})


@dataclass(frozen=True, slots=True)
class CacheAt:
    """The caches of a process: ``memory`` bytes of its own, and ``redis`` if there is one; ``password`` and ``secret`` by reference."""

    redis: str | None = None
    password: str | None = None
    secret: str | None = None
    memory: int = 64 << 20
    ttl_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What is needed to work on a run in any process of the cluster. ``origin`` is the campaign's folder, where references to
    secrets and relative paths begin; the secrets themselves never travel. ``stores`` is where what outlives runs is kept."""

    run_folder: Path
    origin: Path
    transport: str
    credentials: str | None
    now: datetime
    limit: int | None
    delivery_workers: int
    stores: StoresAt


def leaves_machine(transport: str) -> bool:
    """Whether a transport may carry mail away from this machine."""
    parts = urlsplit(transport)
    return parts.scheme not in ("file", "rehearsal") and parts.hostname not in ("127.0.0.1", "::1", "localhost")


def _anywhere(reference: str | None) -> str | None:
    """A reference that means the same in any folder."""
    kind, _, name = (reference or "").partition(":")
    return f"file:{Path(name).absolute()}" if kind == "file" else reference


def _words(fault: Exception) -> str:
    if isinstance(fault, ValidationError):
        return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in fault.errors())
    return str(fault)
