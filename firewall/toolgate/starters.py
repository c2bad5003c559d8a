"""The policies that come with toolgate, for those who have none yet."""

from __future__ import annotations

import os
from pathlib import Path

from toolgate.errors import SettingsError


def starter(name: str) -> Path:
    """A shipped policy file by its name without the ending."""
    here = Path(__file__).resolve().parent
    for folder in (here / "_policies", here.parent.parent / "policies"):
        if (folder / f"{name}.yaml").exists():
            return folder / f"{name}.yaml"
    raise SettingsError(f"{name}.yaml: found no such shipped policy")


def ensure_policy(path: Path, name: str) -> bool:
    """Copy a shipped policy to `path` unless something is there; whether it was copied.

    Safe when many processes start at once: the file appears whole or not at all.
    """
    if path.exists():
        return False
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(starter(name).read_text(encoding="utf-8"), encoding="utf-8")
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True
