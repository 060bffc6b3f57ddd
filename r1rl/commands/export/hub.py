"""An export on the Hugging Face hub: what would go up, and the upload. The token stays in the environment."""

from __future__ import annotations

import os
import re
from pathlib import Path

from r1rl.system.console import console
from r1rl.system.errors import UserError
from r1rl.system.redact import redact

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


def check_push(name: str | None, dry_run: bool) -> None:
    """The name must be one, and without --dry-run the hub in reach with a token at hand. Raises UserError."""
    from r1rl.preflight.checks import hub_answers

    if name is None:
        if dry_run:
            raise UserError("--dry-run shows what --push-to-hub would send: add --push-to-hub NAME.")
        return
    if not NAME.fullmatch(name):
        raise UserError(f"--push-to-hub {name!r} must look like 'user/model'.")
    if dry_run:
        return
    from huggingface_hub import get_token

    if not get_token():
        raise UserError(
            "--push-to-hub needs a token that may write: set HF_TOKEN in the environment, or run `hf auth login`; "
            "--dry-run shows card and files without one."
        )
    if not hub_answers():
        endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
        raise UserError(
            f"--push-to-hub: the hub at {redact(endpoint)} cannot be reached; --dry-run works without it."
        )


def files_of(folder: Path) -> list[tuple[str, int]]:
    """(path, bytes) of all that would go up."""
    found = sorted(p for p in folder.rglob("*") if p.is_file())
    return [(p.relative_to(folder).as_posix(), p.stat().st_size) for p in found]


def show_files(folder: Path, name: str) -> None:
    """The list for a look before an upload."""
    for path, size in files_of(folder):
        console.print(f"         {size:>13,}  {path}", markup=False)
    console.print(
        f"dry run  nothing was sent; {name} would have these files; the card is {folder / 'README.md'}"
    )


def upload(folder: Path, name: str, private: bool) -> str:
    """Makes the repository where there is none and uploads the folder in one commit. Returns its address.

    Raises UserError with the hub's own words where it refuses.
    """
    import httpx
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi()
    try:
        api.create_repo(name, private=private, exist_ok=True)
        done = api.upload_folder(repo_id=name, folder_path=folder, commit_message="Upload by r1rl export")
    except (HfHubHTTPError, httpx.HTTPError, OSError, ValueError) as error:
        words = " ".join(redact(str(error)).split())[:300]
        raise UserError(
            f"--push-to-hub {name}: the hub refused or broke off: {words} The export is whole in {folder}; run "
            f"`hf upload {name} {folder}` to try again."
        ) from None
    return str(done.commit_url)
