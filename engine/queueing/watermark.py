"""How far all that came has been done with: a mark from which a restart goes on and forgets nothing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.int64]


@dataclass(slots=True)
class _Page:
    """Items that came together: none has a key above ``last``."""

    keys: Keys
    last: int
    open: npt.NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.open = np.ones(len(self.keys), dtype=np.bool_)

    def close(self, keys: Keys) -> int:
        """Gives how many were open."""
        place = np.searchsorted(self.keys, keys)
        place = np.unique(place[self.keys[np.minimum(place, len(self.keys) - 1)] == keys])
        closed = int(np.count_nonzero(self.open[place]))
        self.open[place] = False
        return closed


class Watermark:
    """Items are numbers that rise as they come. To tell twice that one is done is to tell it once. Nine octets an item. For one thread."""

    def __init__(self, after: int) -> None:
        """Everything up to ``after`` is done."""
        self.value = after
        self.open = 0
        self._pages: deque[_Page] = deque()

    def add(self, keys: Keys, last: int) -> None:
        """Items have come: ``keys``, ascending, above all that came before and none above ``last``."""
        if len(keys):
            self._pages.append(_Page(keys, last))
            self.open += len(keys)
        elif self._pages:
            self._pages[-1].last = last
        else:
            self.value = max(self.value, last)

    def done(self, keys: Keys) -> None:
        """These need nothing more; what never came is left out."""
        keys = np.sort(keys)
        lasts = np.fromiter((page.last for page in self._pages), np.int64, len(self._pages))
        places = np.searchsorted(lasts, keys)
        for place in np.unique(places).tolist():
            if place < len(self._pages):
                self.open -= self._pages[place].close(keys[places == place])
        while self._pages and not self._pages[0].open.any():
            self.value = self._pages.popleft().last
