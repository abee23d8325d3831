from __future__ import annotations

import re
from urllib.parse import quote, unquote_plus, urlsplit

from engine.templates.filters._arguments import refuse

WEB = ("http", "https")
UNTRACKED = ("mailto", "tel")
_NOT_IN_AN_ADDRESS = re.compile(r"[\x00-\x20\x7f\u0085\u00a0\u2028\u2029<>\"]")


def link(
    url: str,
    campaign: str | None = None,
    source: str | None = None,
    medium: str = "email",
    term: str | None = None,
    content: str | None = None,
) -> str:
    """A web address with the parameters that say where its visitors come from (``utm_campaign``, ``utm_source``, ...).

    The address's own query and fragment stay as they are, and a parameter that it already has is not given again. ``mailto:`` and
    ``tel:`` pass unchanged. Raises TypeError if it is no text, ValueError for another scheme, for an address without a host, and for
    one with spaces or control characters.

    >>> link("https://example.com/sale?size=m#new", campaign="spring sale", source="newsletter")
    'https://example.com/sale?size=m&utm_source=newsletter&utm_medium=email&utm_campaign=spring%20sale#new'
    """
    if not isinstance(url, str):
        raise refuse("link", "an address", url)
    if _NOT_IN_AN_ADDRESS.search(url):
        raise ValueError("link takes an address without spaces, quotes and control characters")
    parts = urlsplit(url)
    if parts.scheme in UNTRACKED:
        return str(url)
    if parts.scheme not in WEB or not parts.hostname:
        raise ValueError("link takes an address that begins with https://, http://, mailto: or tel:")
    tracking = {"source": source, "medium": medium, "campaign": campaign, "term": term, "content": content}
    present = {unquote_plus(each.partition("=")[0]) for each in parts.query.split("&")}
    added = [
        f"utm_{name}={quote(str(value), safe='')}"
        for name, value in tracking.items()
        if value is not None and f"utm_{name}" not in present
    ]
    query = "&".join([parts.query, *added] if parts.query else added)
    return parts._replace(query=query).geturl()
