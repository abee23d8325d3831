"""TLS as all transports speak it."""

from __future__ import annotations

import ssl

from engine.adapters.transports.settings import TransportSettings


def tls_context(settings: TransportSettings) -> ssl.SSLContext:
    """Certificate and host name are verified unless the settings say otherwise."""
    context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
