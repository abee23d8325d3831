"""Resources: less in flight before memory runs out, and no more workers than the busiest node can bear."""

from __future__ import annotations

from engine.control.capacity import Bounds, Capacity, Proposal, Reading

MEMORY_HIGH = 85.0  # per cent; Ray itself kills workers at 95
CPU_HIGH = 97.0


class Resources:
    name = "resources"

    def propose(self, reading: Reading, capacity: Capacity, bounds: Bounds) -> Proposal | None:
        if reading.memory_percent >= MEMORY_HIGH:
            after = capacity.with_(
                window=max(1, capacity.window // 2), delivery_workers=max(1, capacity.delivery_workers // 2)
            )
            reason = f"memory at {reading.memory_percent:.0f} %"
        elif reading.cpu_percent >= CPU_HIGH and reading.in_flight >= capacity.window:
            after = capacity.with_(window=max(2, capacity.window - 1))
            reason = f"CPU at {reading.cpu_percent:.0f} % with {reading.in_flight} partitions in flight"
        else:
            return None
        return Proposal(after, reason) if after != capacity else None
