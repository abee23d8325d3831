"""A connection to Ray: one that is started here and ends with the command, or a cluster that is there already."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Ray would start each worker through `uv run` and build a second environment (ray-project/ray#50961).
os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray

from engine.errors import ServiceError

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Session:
    """``local`` when this process started Ray and will end it."""

    address: str
    local: bool


@contextlib.contextmanager
def session(address: str | None, *, object_store_mib: int, cpus: int | None = None) -> Iterator[Session]:
    """Connect to the Ray cluster at ``address`` (``auto`` inside a submitted job), or start a local one when it is None.

    Raises ServiceError when the cluster does not answer or refuses the token.
    """
    if ray.is_initialized():
        yield Session(ray.get_runtime_context().gcs_address, False)
        return
    local = address is None
    _connect(address, object_store_mib, cpus)
    if local:
        _tighten_token()
    try:
        yield Session(ray.get_runtime_context().gcs_address, local)
    finally:
        ray.shutdown()


def _connect(address: str | None, object_store_mib: int, cpus: int | None) -> None:
    try:
        if address is None:
            ray.init(
                num_cpus=cpus,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                object_store_memory=object_store_mib * MIB,
            )
        else:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as fault:
        raise ServiceError.single(
            "MR801",
            f"no Ray cluster answers at {address or 'this machine'}: {' '.join(str(fault).split())[:160]}",
            help="is it up, and do this process and the cluster have the same RAY_AUTH_MODE and token?",
        ) from fault


def _tighten_token() -> None:
    """Ray writes the token of a local cluster readable by everybody."""
    token = Path.home() / ".ray" / "auth_token"
    with contextlib.suppress(OSError):
        if token.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            token.chmod(stat.S_IRUSR | stat.S_IWUSR)
