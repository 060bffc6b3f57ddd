"""Uploads an export to the Hugging Face hub, or lists its files. The token stays in the environment."""

from __future__ import annotations

import re
from pathlib import Path

from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.system.redact import redact

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


def check_push(name: str | None, dry_run: bool) -> None:
    """Raises UserError for a wrong name; without --dry-run also if there is no token or the hub cannot be reached."""
    from r1rl.models.source import hub_answers, hub_endpoint

    if name is None:
        if dry_run:
            raise UserError("--dry-run lists what --push-to-hub would send: add --push-to-hub NAME.")
        return
    if not NAME.fullmatch(name):
        raise UserError(f"--push-to-hub {name!r} must look like 'user/model'.")
    if dry_run:
        return
    from huggingface_hub import get_token

    if not get_token():
        raise UserError(
            "--push-to-hub needs a token with write access: set HF_TOKEN in the environment, or run `hf auth login`; "
            "--dry-run writes the card and lists the files without one."
        )
    if not hub_answers():
        raise UserError(f"--push-to-hub: {redact(hub_endpoint())} cannot be reached; --dry-run works offline.")


def files_of(folder: Path) -> list[tuple[str, int]]:
    """Returns (path, bytes) of all files to upload."""
    found = sorted(p for p in folder.rglob("*") if p.is_file())
    return [(p.relative_to(folder).as_posix(), p.stat().st_size) for p in found]


def show_files(folder: Path, name: str) -> None:
    """Prints the files, for a check before an upload."""
    for path, size in files_of(folder):
        console.print(f"         {size:>13,}  {path}", markup=False)
    console.print(f"dry run  nothing was sent to {name}; the card is {folder / 'README.md'}")


def upload(folder: Path, name: str, private: bool) -> str:
    """Creates the repository if needed and uploads the folder in one commit. Returns the commit's address.

    Raises UserError with the hub's message if it refuses.
    """
    import httpx
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi()
    try:
        api.create_repo(name, private=private, exist_ok=True)
        done = api.upload_folder(repo_id=name, folder_path=folder, commit_message="Upload by r1rl export")
    except (HfHubHTTPError, httpx.HTTPError, OSError, ValueError) as error:
        message = " ".join(redact(str(error)).split())[:300]
        raise UserError(
            f"--push-to-hub {name}: the upload failed: {message} The export is complete in {folder}; run "
            f"`hf upload {name} {folder}` to try again."
        ) from None
    return str(done.commit_url)
