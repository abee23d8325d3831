"""Calls to other people's addresses, which a campaign file names and so anybody who writes one: nothing inside is to be reached by them.

A name is resolved once. If any of its addresses is not a public one, nobody is called; else the connection goes to the address that was
looked at, with the name in SNI and Host. No redirect is followed, no proxy of the environment is asked, and an answer that is too large
or too slow is none. What an operator allows (`host:port`) may be private.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx

from engine.workflow.webhooks import Answer, Call

MOST_BYTES = 1 << 20
MOST_SECONDS = 5.0
PORTS = (80, 443)
MOST_AT_A_TIME = 32
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_NOT_PUBLIC = "`{}` leads to an address that is not public"

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
Secret = Callable[[str, str], str]


class _RefusedError(Exception):
    """Must not be called; it would be no other the next time."""


class WebhookCaller:
    """Makes calls, for one event loop. ``secret`` gives what a workflow's reference to credentials stands for. Close it after use."""

    def __init__(
        self,
        secret: Secret,
        allowed: Collection[str] = (),
        resolve: Resolve | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._secret = secret
        self._allowed = frozenset(each.lower() for each in allowed)
        self._resolve = resolve or _resolve
        # Connections are not kept: one that was made for a name must not serve another at the same address.
        limits = httpx.Limits(max_connections=MOST_AT_A_TIME, max_keepalive_connections=0)
        self._client = httpx.AsyncClient(
            transport=transport,
            verify=tls or ssl.create_default_context(),
            limits=limits,
            trust_env=False,
            timeout=MOST_SECONDS,
        )
        self._turn: dict[tuple[str, str], float] = {}
        self._places = asyncio.Semaphore(MOST_AT_A_TIME)

    async def call(self, call: Call) -> Answer:
        """Make one call, in its turn if its rate is limited. Whatever goes wrong is in the answer."""
        await self._await_turn(call)
        try:
            async with self._places, asyncio.timeout(MOST_SECONDS):
                return await self._call(call)
        except _RefusedError as refused:
            return Answer(None, error=str(refused), again=False)
        except TimeoutError:
            return Answer(None, error=f"no answer within {MOST_SECONDS:g} seconds")
        except (httpx.HTTPError, OSError) as error:
            return Answer(None, error=f"no answer: {type(error).__name__}")

    async def close(self) -> None:
        await self._client.aclose()

    async def _call(self, call: Call) -> Answer:
        url = _url(call.url)
        target = await self._target(url)
        headers = {
            **call.headers,
            **{"Host": url.netloc.decode("ascii"), "Accept": "application/json", "Accept-Encoding": "identity"},
            **{"Idempotency-Key": f'"{call.key}"', "User-Agent": "mailray"},
        }
        if call.credentials is not None:
            headers["Authorization"] = self._secret(call.workflow, call.credentials)
        extensions = {"sni_hostname": _name(url)}
        if call.method in ("GET", "DELETE"):
            target = target.copy_merge_params(_as_parameters(call.body))
            request = self._client.build_request(call.method, target, headers=headers, extensions=extensions)
        else:
            headers["Content-Type"] = "application/json"
            body = call.body.encode()
            request = self._client.build_request(
                call.method, target, headers=headers, content=body, extensions=extensions
            )
        answer = await self._client.send(request, stream=True, follow_redirects=False)
        try:
            return Answer(answer.status_code, dict(answer.headers), await _body(answer))
        finally:
            await answer.aclose()

    async def _target(self, url: httpx.URL) -> httpx.URL:
        """The URL with the address in place of the name. Raises _RefusedError."""
        refused = why_refused(str(url), self._allowed)
        if refused is not None:
            raise _RefusedError(refused)
        addresses = await self._resolve(_name(url), _port(url))
        if not addresses:
            raise OSError("no address")
        if f"{_name(url)}:{_port(url)}" not in self._allowed and not all(map(is_public, addresses)):
            raise _RefusedError(_NOT_PUBLIC.format(url.host))
        return url.copy_with(host=addresses[0])

    async def _await_turn(self, call: Call) -> None:
        if call.per_second is None:
            return
        now = asyncio.get_running_loop().time()
        key = (call.step, call.url)
        turn = max(self._turn.get(key, now), now)
        self._turn[key] = turn + 1 / call.per_second
        await asyncio.sleep(turn - now)


def why_refused(address: str, allowed: Collection[str] = ()) -> str | None:
    """What forbids a call before the name is resolved: how the address is written, its port, or a host that says itself where it is."""
    try:
        url = _url(address)
    except _RefusedError as refused:
        return str(refused)
    name, port = _name(url), _port(url)
    if f"{name}:{port}" in allowed:
        return None
    if port not in PORTS:
        return f"port {port} is not one of those that webhooks may use"
    itself = name.rpartition(".")[2] == "localhost"  # RFC 6761 section 6.3
    written = _written_address(name)
    return _NOT_PUBLIC.format(url.host) if itself or (written and not is_public(written)) else None


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet, also by what it carries inside (mapped, 6to4, Teredo, NAT64)."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(each.is_global and not each.is_multicast and not each.is_reserved for each in _inside(ip))


def _inside(ip: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    if isinstance(ip, IPv4Address):
        return [ip]
    if ip.ipv4_mapped is not None:
        return [ip.ipv4_mapped]
    if ip in _NAT64:
        return [IPv4Address(int(ip) & 0xFFFFFFFF)]
    found: list[IPv4Address | IPv6Address] = [ip]
    if ip.sixtofour is not None:
        found.append(ip.sixtofour)
    if ip.teredo is not None:
        found.extend(ip.teredo)
    return found


def _url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        raise _RefusedError("the address is not well formed") from None
    if url.scheme not in ("http", "https") or not url.host or url.userinfo:
        raise _RefusedError("the address is not one that webhooks may use")
    return url


def _name(url: httpx.URL) -> str:
    """The host in ASCII and small letters."""
    return url.raw_host.decode("ascii").lower()


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _written_address(name: str) -> str | None:
    """The address that a host is, in any of the ways in which the resolver takes one: `10.0.0.1`, `0x7f000001`, `::1`."""
    if ":" in name:
        return name
    try:
        return socket.inet_ntoa(socket.inet_aton(name))
    except OSError:
        return None


def _as_parameters(body: str) -> httpx.QueryParams:
    values = httpx.Response(200, content=body.encode()).json()
    return httpx.QueryParams({name: value for name, value in values.items() if value is not None})


async def _body(answer: httpx.Response) -> bytes:
    """The body as it came: asked for without a content coding, which could hide its size."""
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise _RefusedError("the answer is compressed, and was asked for as it is")
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > MOST_BYTES:
            raise _RefusedError(f"the answer is larger than {MOST_BYTES:,} bytes")
    return bytes(body)


async def _resolve(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]
