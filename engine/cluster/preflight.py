"""Whether a cluster lets us in, asked before Ray is: Ray itself takes twenty seconds to say "failed to connect", whatever the reason."""

from __future__ import annotations

import grpc  # type: ignore[import-untyped]
from ray._private.services import canonicalize_bootstrap_address_or_die
from ray._raylet import AuthenticationTokenLoader  # type: ignore[attr-defined]
from ray.exceptions import AuthenticationError

from engine.errors import ServiceError, UsageError

CHECK_ALIVE = "/ray.rpc.NodeInfoGcsService/CheckAlive"  # the cheapest call that asks for the token
SECONDS = 5.0


def check_cluster(address: str) -> None:
    """Ask the cluster at ``address`` (``host:port`` or ``auto``) whether it is there and takes this process's token.

    Raises UsageError when the address is one of Ray's other services, ServiceError when the cluster does not answer or refuses us.
    """
    target = _target(address)
    try:
        token = _token()
        with grpc.insecure_channel(target) as channel:
            channel.unary_unary(CHECK_ALIVE)(b"", timeout=SECONDS, metadata=token)
    except AuthenticationError as fault:
        raise _refused(address, "this process has no token, though RAY_AUTH_MODE=token") from fault
    except grpc.RpcError as fault:
        if fault.code() is not grpc.StatusCode.UNAUTHENTICATED:
            raise _silent(address, fault.details()) from fault
        sent = (
            "it does not take this process's token" if token else "it asks for a token and RAY_AUTH_MODE is not `token`"
        )
        raise _refused(address, sent) from fault


def _target(address: str) -> str:
    if address.startswith(("http://", "https://")):
        raise UsageError.single(
            "MR805",
            f"{address} is where Ray takes jobs, not the cluster itself",
            help=f"ray job submit --address {address} --working-dir . -- python -m jobs.run_campaign DIR",
        )
    if address.startswith("ray://"):
        raise UsageError.single(
            "MR805", f"{address} is a Ray Client address", help="submit a job, or name the cluster's host:port (6379)"
        )
    try:
        return canonicalize_bootstrap_address_or_die(address)
    except (ConnectionError, ValueError, OSError) as fault:
        raise _silent(address, str(fault)) from fault


def _token() -> list[tuple[str, str]]:
    loader = AuthenticationTokenLoader.instance()
    return list(loader.get_token_for_http_header().items()) if loader.has_token() else []


def _silent(address: str, why: str | None) -> ServiceError:
    words = " ".join((why or "no reply").split())
    return ServiceError.single(
        "MR801", f"no Ray cluster answers at {address}: {words[:160]}", help="is it up, and may this machine reach it?"
    )


def _refused(address: str, why: str) -> ServiceError:
    return ServiceError.single(
        "MR804",
        f"the Ray cluster at {address} refuses us: {why}",
        help="set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to a file with the cluster's token (or put it in ~/.ray/auth_token)",
    )
