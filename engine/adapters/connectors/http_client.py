"""A page of another system's interface, asked for with patience: retries, deadlines, and no more octets than a page may have."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx

from engine.errors import InputError, MailrayError, RefusedError, ServiceError, TryAgainError

TRIES = 6
LARGEST_PAGE = 64 << 20
LONGEST_WAIT = 120.0  # seconds that an interface may ask us to wait; longer is for the operator to decide
PAGE_SECONDS = 120.0
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


@dataclass(frozen=True, slots=True)
class Reply:
    """A page as it came; header names are in small letters."""

    content: bytes
    headers: Mapping[str, str]
    link: str | None
    """The address of the next page by the ``Link`` header (RFC 8288)."""


class PageClient:
    """Asks one interface. No redirect is followed and no proxy of the environment asked; the token goes to this interface alone."""

    def __init__(
        self,
        token: str | None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        headers = {"accept": "application/json", "user-agent": "mailray"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        self._client = httpx.Client(
            headers=headers, timeout=_TIMEOUT, follow_redirects=False, trust_env=False, transport=transport
        )
        self._sleep = sleep

    def page(self, url: httpx.URL) -> Reply:
        """Raises ServiceError (MR794), TryAgainError (MR795), RefusedError (MR796), InputError (MR797)."""
        for number in range(TRIES):
            pause = min(FIRST_PAUSE * 2.0**number, LONGEST_PAUSE)
            try:
                status, reply = self._ask(url)
            except httpx.TransportError as fault:
                wanted, reason = None, f"{type(fault).__name__}: {fault}"
            else:
                if status == 200:
                    return reply
                if status != 429 and status < 500:
                    raise _refused(url, status)
                wanted, reason = _retry_after(reply.headers.get("retry-after", ""), time.time()), f"it answers {status}"
            if wanted is not None and wanted > LONGEST_WAIT:
                raise _later(url, f"it asks for {wanted:,.0f} seconds of patience")
            if number + 1 < TRIES:  # so that many who wait do not come back at once
                self._sleep(wanted if wanted is not None else pause * random.uniform(0.5, 1.0))  # noqa: S311
        raise _no_answer(url, reason)

    def close(self) -> None:
        self._client.close()

    def _ask(self, url: httpx.URL) -> tuple[int, Reply]:
        until = time.monotonic() + PAGE_SECONDS
        with self._client.stream("GET", url) as response:
            content = bytearray()
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > LARGEST_PAGE:
                    raise _unreadable(url, f"it is larger than {LARGEST_PAGE >> 20} MiB", "ask for fewer rows a page")
                if time.monotonic() > until:
                    raise httpx.ReadTimeout(f"no whole page within {PAGE_SECONDS:.0f} seconds")
            link = response.links.get("next", {}).get("url")
            return response.status_code, Reply(bytes(content), dict(response.headers), link)


def _retry_after(value: str, now: float) -> float | None:
    """Seconds to wait (RFC 9110 section 10.2.3); ``now`` is seconds of the Unix epoch."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now) if value else None
    except (ValueError, OverflowError):
        return None


def place(url: httpx.URL) -> str:
    """An address for people: without its query, which may hold anything."""
    return f"{url.scheme}://{url.netloc.decode()}{url.path}"


def _refused(url: httpx.URL, status: int) -> MailrayError:
    if status in (401, 403):
        return RefusedError.single(
            "MR796", f"{place(url)} refuses us ({status})", help="look at what --token refers to"
        )
    words = "leads elsewhere, and no redirect is followed" if 300 <= status < 400 else "does not take the request"
    return ServiceError.single("MR794", f"{place(url)} {words} ({status})", help="look at the address")


def _later(url: httpx.URL, reason: str) -> TryAgainError:
    return TryAgainError.single(
        "MR795",
        f"{place(url)} cannot be read now: {reason}",
        help="run the command again later; it goes on where it was",
    )


def _no_answer(url: httpx.URL, reason: str) -> TryAgainError:
    return TryAgainError.single(
        "MR795",
        f"{place(url)} does not answer: {reason}",
        help=f"asked {TRIES} times; run the command again, it goes on where it was",
    )


def _unreadable(url: httpx.URL, reason: str, help: str | None = None) -> InputError:
    return InputError.single("MR797", f"a page of {place(url)} cannot be read: {reason}", help=help)
