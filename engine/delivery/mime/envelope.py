"""What a message needs besides its text: to whom, under which names, when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.delivery.mime.columns import TextBytes, byte_class

_MOST_IN_TOKEN = 200
_NOT_IN_TOKEN = byte_class(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"))


@dataclass(frozen=True, slots=True)
class Envelope:
    """Columns of n rows, and one instant.

    ``rows`` are their numbers in the outbox partition, ``keys`` the delivery keys (16 bytes). ``date`` has a zone, and is the
    run's and not the attempt's, or a message that is sent again would not be the same. ``names`` are display names, null or empty
    for none. ``return_paths`` are envelope senders; without them each message has the campaign's. ``tokens`` are the ends of the
    unsubscribe URLs; a campaign that offers to unsubscribe needs them.
    """

    rows: npt.NDArray[np.int64]
    keys: pa.FixedSizeBinaryArray
    addresses: pa.StringArray
    date: datetime
    names: pa.StringArray | None = None
    return_paths: pa.StringArray | None = None
    tokens: pa.StringArray | None = None

    def __len__(self) -> int:
        return len(self.addresses)


def token_faults(tokens: pa.StringArray) -> dict[int, str]:
    """The rows whose token cannot stand in a URL as it is (RFC 3986's unreserved characters, 1 to 200), with the reason."""
    view = TextBytes.of(pc.fill_null(tokens, ""))
    wrong = view.rows_holding(_NOT_IN_TOKEN) | (view.lengths == 0) | (view.lengths > _MOST_IN_TOKEN)
    return dict.fromkeys(np.flatnonzero(wrong).tolist(), "cannot stand in a URL")
