"""``mailray init``: a small campaign that runs, to begin from."""

from __future__ import annotations

import secrets
import shutil
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import CannotCreateError
from jobs.console import out, print_json
from jobs.options import Json


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make; it must be empty or not there.")],
    json: Json = False,
) -> None:
    """Make a campaign's folder with sample recipients, templates and a key of its own."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CannotCreateError.single("MR003", f"{folder} is there already and not empty", help="name a new folder")
    try:
        with resources.as_file(resources.files("jobs").joinpath("scaffold")) as scaffold:
            shutil.copytree(scaffold, folder, dirs_exist_ok=True)
        key = folder / "secret.key"
        key.touch(mode=0o600)
        key.write_text(secrets.token_hex(32) + "\n")
        (folder / ".gitignore").write_text("secret.key\n")
    except OSError as fault:
        raise CannotCreateError.single("MR003", f"{folder} cannot be made: {fault.strerror}") from fault
    if json:
        print_json({"campaign": str(folder)})
    else:
        out.print(
            f"made {folder}. Next:\n  mailray validate {folder}\n  mailray plan {folder}\n  mailray run {folder}",
            soft_wrap=True,
        )
