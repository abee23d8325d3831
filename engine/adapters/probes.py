"""Looks at the other end of a transport without sending anything."""

from __future__ import annotations

import http.client
import smtplib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult

from engine.errors import ServiceError


@dataclass(frozen=True, slots=True)
class Look:
    """``expires`` is the end of the certificate, None without TLS; ``clock`` is the other end's, where it tells."""

    expires: datetime | None
    clock: datetime | None = None


def look_at_relay(url: SplitResult, context: ssl.SSLContext, seconds: float) -> Look:
    """Greet an SMTP server, with TLS where it is to be had. Raises ServiceError (MR701, MR702)."""
    implicit = url.scheme == "smtps"
    host, port = url.hostname or "localhost", url.port or (465 if implicit else 25)
    try:
        with _smtp(host, port, implicit, context, seconds) as relay:
            relay.ehlo()
            if not implicit and relay.has_extn("starttls"):
                relay.starttls(context=context)
                implicit = True
            return Look(_expires(relay.sock) if implicit else None)
    except ssl.SSLError as fault:
        raise _tls(f"{host}:{port}", fault) from fault
    except (OSError, smtplib.SMTPException) as fault:
        raise ServiceError.single("MR701", f"no SMTP connection to {host}:{port}: {fault}") from fault


def look_at_web(url: SplitResult, context: ssl.SSLContext, seconds: float) -> Look:
    """Ask an HTTP server for its head. Raises ServiceError (MR702, MR751)."""
    secure = url.scheme.startswith("https")
    host = url.hostname or "localhost"
    connection = (
        http.client.HTTPSConnection(host, url.port, timeout=seconds, context=context)
        if secure
        else http.client.HTTPConnection(host, url.port, timeout=seconds)
    )
    try:
        connection.connect()
        expires = _expires(connection.sock) if secure else None
        connection.request("HEAD", "/")
        return Look(expires, _date(connection.getresponse().getheader("Date")))
    except ssl.SSLError as fault:
        raise _tls(host, fault) from fault
    except (OSError, http.client.HTTPException) as fault:
        raise ServiceError.single("MR751", f"no connection to {host}: {fault or type(fault).__name__}") from fault
    finally:
        connection.close()


def _smtp(host: str, port: int, implicit: bool, context: ssl.SSLContext, seconds: float) -> smtplib.SMTP:
    if implicit:
        return smtplib.SMTP_SSL(host, port, timeout=seconds, context=context)
    return smtplib.SMTP(host, port, timeout=seconds)


def _expires(connection: Any) -> datetime | None:
    told = connection.getpeercert() or {}
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(told["notAfter"]), UTC) if "notAfter" in told else None


def _date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC) if text else None
    except ValueError:
        return None


def _tls(where: str, fault: ssl.SSLError) -> ServiceError:
    reason = fault.verify_message if isinstance(fault, ssl.SSLCertVerificationError) else fault.reason
    return ServiceError.single("MR702", f"TLS with {where} failed: {reason}")
