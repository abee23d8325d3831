"""Another system's interface, page by page: a CRM's or a customer-data platform's list of customers or events as JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from engine.adapters.connectors.http_client import PageClient, Reply, place
from engine.audience.connector import Page, Refused
from engine.audience.incoming import Reading
from engine.audience.incoming.json_text import DECODER, text_of
from engine.errors import InputError, RefusedError


@dataclass(frozen=True, slots=True)
class Paging:
    """Where things stand in a page: paths of member names with dots between them.

    ``records`` leads to the array of rows (empty: the page is the array), ``next`` to the next page's address or, where a
    ``parameter`` is named, to a cursor that goes into the query under that name. Without ``next`` the ``Link`` header counts.
    """

    records: str = ""
    next: str | None = None
    parameter: str | None = None


class HttpPages:
    """The pages behind an operator's address.

    The last page is one without a next one, and the next reading begins anew; or it is an empty one that names a cursor, and the
    next reading goes on there. The next page's address is a stranger's word: it must lead to the same host.
    """

    def __init__(self, url: str, reading: Reading, paging: Paging, client: PageClient) -> None:
        self._url = httpx.URL(url)
        self._reading = reading
        self._paging = paging
        self._client = client
        self.name = place(self._url)

    def pages(self, cursor: str | None) -> Iterator[Page]:
        url = self._at(cursor)
        while True:
            reply = self._client.page(url)
            body = self._body(reply)
            records = self._records(body)
            after = self._next(body, reply)
            if not records and after is not None:
                return
            name = f"{self.name}#{hashlib.blake2b(reply.content, digest_size=12).hexdigest()}"
            yield self._page(records, name, after)
            if after is None or after == cursor:
                return
            cursor = after
            url = self._at(cursor)

    def _page(self, records: list[Any], name: str, after: str | None) -> Page:
        incoming = self._reading.objects(records)
        refused = [Refused(self.name, each.row + 1, each.reason, _told(records[each.row])) for each in incoming.refused]
        return Page(name, incoming.rows, refused, after)

    def _body(self, reply: Reply) -> Any:
        try:
            return DECODER.decode(reply.content.decode())
        except (ValueError, RecursionError) as fault:
            raise self._unreadable(f"it is no JSON ({str(fault)[:100]})") from fault

    def _records(self, body: Any) -> list[Any]:
        found = _member(body, self._paging.records)
        if not isinstance(found, list):
            raise self._unreadable(
                f"there is no array at `{self._paging.records}`" if self._paging.records else "it is no array",
                "--records NAME.NAME leads to the array of rows",
            )
        return found

    def _next(self, body: Any, reply: Reply) -> str | None:
        found = reply.link if self._paging.next is None else _member(body, self._paging.next)
        if found is None or found == "" or found is False:
            return None
        if not isinstance(found, str | int):
            raise self._unreadable(f"what stands at `{self._paging.next}` is neither address nor cursor")
        return str(found)

    def _at(self, cursor: str | None) -> httpx.URL:
        """The address of a page. Raises RefusedError (MR798) when it would lead to another host, where our token must not go."""
        if cursor is None:
            return self._url
        if self._paging.parameter is not None:
            return self._url.copy_merge_params({self._paging.parameter: cursor})
        try:
            url = self._url.join(cursor)
        except httpx.InvalidURL as fault:
            raise self._unreadable(f"its next page's address is none ({fault})") from fault
        if (url.scheme, url.host, url.port, url.userinfo) != (
            self._url.scheme, self._url.host, self._url.port, self._url.userinfo,
        ):  # fmt: skip
            raise RefusedError.single(
                "MR798",
                f"the next page of {self.name} would be at {url.host}",
                help="pages of one source have one host",
            )
        return url

    def _unreadable(self, reason: str, help: str | None = None) -> InputError:
        return InputError.single("MR797", f"a page of {self.name} cannot be read: {reason}", help=help)


def _member(value: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _told(record: Any) -> str:
    try:
        return text_of(record)
    except ValueError:
        return str(record)
