"""A connection to Ray: one that is started here and ends with the command, or a cluster that is there already."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ray

from engine.cluster.node_watch import watching_node
from engine.cluster.preflight import check_cluster
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

    Raises ServiceError when the cluster does not answer or refuses the token, UsageError when the address is none of a cluster.
    """
    if ray.is_initialized():
        yield Session(ray.get_runtime_context().gcs_address, False)
        return
    _connect(address, object_store_mib, cpus)
    try:
        with _watched():
            yield Session(ray.get_runtime_context().gcs_address, address is None)
    finally:
        ray.shutdown()


def _watched() -> contextlib.AbstractContextManager[None]:
    """Watch the node that this process has started; one that was there already is not ours to watch."""
    processes = ray._private.worker._global_node.all_processes.get("raylet", ())  # type: ignore[attr-defined]
    return watching_node(processes[0].process.pid) if processes else contextlib.nullcontext()


def _connect(address: str | None, object_store_mib: int, cpus: int | None) -> None:
    try:
        if address is None:
            _private_token()
            ray.init(
                "local",  # with None, Ray would join whatever cluster was last started on this machine
                num_cpus=cpus,
                include_dashboard=False,
                object_store_memory=object_store_mib * MIB,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        else:
            check_cluster(address)
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as fault:
        raise ServiceError.single(
            "MR801",
            f"no connection to Ray at {address or 'this machine'}: {' '.join(str(fault).split())[:160]}",
            help="`mailray doctor` looks at what a run needs",
        ) from fault


def _private_token() -> None:
    """Ray makes the token of local clusters readable by everybody, so it is made here, or tightened."""
    token = Path.home() / ".ray" / "auth_token"
    with contextlib.suppress(OSError):
        token.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            with os.fdopen(os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
        except FileExistsError:
            if token.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                token.chmod(stat.S_IRUSR | stat.S_IWUSR)
