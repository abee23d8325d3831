"""A run's folder: one place for all that a run is made of and leaves behind.

manifest.json    what the run is: fingerprints, digests, settings; written before anything is sent
campaign/        the campaign as it was when the run began
audience/        the frozen audience
verdicts/        a row a recipient
outbox/          a row a message
ledger/          what happened to each message
decisions.jsonl  what the capacity controller decided, and why
summary.json     counts and times
report.html      the page
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.errors import CannotCreateError, InputError, MissingInputError, RefusedError

FORMAT = 1
MANIFEST = "manifest.json"  # alone has a format


class RunFolder:
    """The folder of one run. Files in it appear whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.campaign = path / "campaign"
        self.audience = path / "audience"
        self.ledger = path / "ledger"
        self.report = path / "report.html"

    @property
    def name(self) -> str:
        return self.path.name

    def create(self) -> None:
        """Raises CannotCreateError when it is there already or cannot be made."""
        try:
            self.path.mkdir(parents=True)
        except FileExistsError:
            if any(self.path.iterdir()) if self.path.is_dir() else True:
                raise CannotCreateError.single(
                    "MR501",
                    f"there is already a run in {self.path}",
                    help=f"`mailray resume {self.path}` goes on with it; another --run-dir starts a new one",
                ) from None
        except OSError as fault:
            raise CannotCreateError.single(
                "MR502", f"{self.path} cannot be made: {fault.strerror}", help="choose another --run-dir"
            ) from fault
        probe = self.path / ".writable"
        try:
            probe.touch()
            probe.unlink()
        except OSError as fault:
            raise CannotCreateError.single(
                "MR502", f"{self.path} cannot be written: {fault.strerror}", help="choose another --run-dir"
            ) from fault

    def pin_campaign(self, folder: Path, assets: Iterable[str] = ()) -> None:
        """Copy the campaign's own files (not its audience), of its assets those named by their paths, so that the run no longer
        depends on them."""
        self.campaign.mkdir(exist_ok=True)
        shutil.copy2(folder / "campaign.yaml", self.campaign)
        if (folder / "templates").is_dir():
            shutil.copytree(folder / "templates", self.campaign / "templates", dirs_exist_ok=True)
        for path in assets:
            (self.campaign / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / path, self.campaign / path)

    def write_json(self, name: str, values: Mapping[str, Any]) -> None:
        target = self.path / name
        draft = target.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(json.dumps(values, indent=2, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(target)

    def read_json(self, name: str) -> dict[str, Any]:
        """Raises MissingInputError when this is no run, InputError when the file is damaged or of a newer version."""
        path = self.path / name
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise MissingInputError.single(
                "MR503", f"{self.path} is not the folder of a run ({name} is not there)"
            ) from None
        except ValueError as fault:
            raise InputError.single("MR504", f"{path} is damaged: {fault}") from fault
        if not isinstance(values, dict) or (name == MANIFEST and not isinstance(values.get("format"), int)):
            raise MissingInputError.single(
                "MR503", f"{self.path} is not the folder of a run ({name} is another program's)"
            )
        if values.get("format", FORMAT) > FORMAT:
            raise InputError.single("MR505", f"{path} was written by a newer mailray", help="upgrade mailray")
        return values

    def has(self, name: str) -> bool:
        return (self.path / name).exists()

    def append_line(self, name: str, values: Mapping[str, Any]) -> None:
        with (self.path / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(values, ensure_ascii=False, default=str) + "\n")

    def read_lines(self, name: str) -> list[dict[str, Any]]:
        if not self.has(name):
            return []
        return [json.loads(line) for line in (self.path / name).read_text(encoding="utf-8").splitlines()]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run: two commands never work on one run at the same time. The lock falls with the process that holds it.

        Raises RefusedError that names the holder.
        """
        with (self.path / "lock").open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise RefusedError.single(
                    "MR506", f"{self.path} is being worked on by {file.read().strip() or 'another process'}"
                ) from None
            file.truncate(0)
            file.write(
                f"process {os.getpid()} on {socket.gethostname()} since {datetime.now(UTC).isoformat(timespec='seconds')}"
            )
            file.flush()
            yield

    def locked_by_somebody(self) -> bool:
        """Whether a command is working on the run right now."""
        try:
            with (self.path / "lock").open("a+", encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
