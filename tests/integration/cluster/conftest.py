"""The scaffold's campaign for many recipients, and runs of it on either runner."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.assembly.campaign import open_campaign
from engine.assembly.run import OpenRun, create_run
from engine.assembly.settings import AppSettings
from engine.cluster.session import session
from jobs import init
from jobs.execute import execute
from jobs.progress import Silent

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Finished:
    """A run that has come to its end."""

    opened: OpenRun
    summary: dict[str, Any]

    @property
    def path(self) -> Path:
        return self.opened.folder.path

    def files(self, kind: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.path / kind).glob("*.parquet")}


Campaigns = Callable[[int], Path]
Start = Callable[..., Finished]


@pytest.fixture(scope="session")
def campaigns(tmp_path_factory: pytest.TempPathFactory) -> Campaigns:
    """The folder of a campaign for so many recipients, of whom one in twenty has not subscribed."""

    def make(recipients: int) -> Path:
        folder = tmp_path_factory.mktemp("campaign") / "welcome"
        init.command(folder)
        with (folder / "customers.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["customer_id", "first_name", "email", "subscribed", "orders"])
            writer.writerows(
                (f"c{n:06}", f"Name {n % 97}", f"n{n}@example.com", n % 20 != 0, n % 4) for n in range(recipients)
            )
        return folder

    return make


@pytest.fixture(scope="module")
def ray_here() -> Iterator[None]:
    """A local Ray of two CPUs; what runs on Ray in this process uses it."""
    with session(None, object_store_mib=200, cpus=2):
        yield


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., OpenRun]:
    def opened(folder: Path, name: str, *, partition_rows: int = 8192, transport: str = "rehearsal:") -> OpenRun:
        campaign = open_campaign(folder, NOW, partition_rows)
        return create_run(campaign, tmp_path / name, AppSettings(transport=transport))

    return opened


@pytest.fixture
def start(opened: Callable[..., OpenRun]) -> Start:
    """Make a run and execute it."""

    def start(folder: Path, name: str, runner: str, *, deliver: bool = False, **options: Any) -> Finished:
        run = opened(folder, name, **options)
        return Finished(run, execute(run, AppSettings(runner=runner), Silent(), deliver=deliver))

    return start
