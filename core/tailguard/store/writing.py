"""Bytes and their names: digests, canonical JSON, copies, and writing a whole file or nothing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from tailguard.errors import InputError, TailguardError


def digest_of(content: bytes) -> str:
    """SHA-256 in hex, the name of a content."""
    return hashlib.sha256(content).hexdigest()


def canonical_json(value: Any) -> bytes:
    """JSON bytes that depend on the value alone: sorted keys, no spaces, ASCII, one final newline."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"


def copy(source: Path, target: Path) -> None:
    """Copy a file, or a folder with all that is in it, to a place where nothing is yet; the folders above it are made."""
    target.parent.mkdir(parents=True, exist_ok=True)
    (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file or nothing. Raises TailguardError when the disk is full, InputError where writing is denied."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except PermissionError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}). The workspace must be a folder you may write to."
        ) from error
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno == 30:
            raise InputError(f"{path} is on a read-only file system. Choose another workspace.") from error
        raise TailguardError(
            f"{path} could not be written ({error.strerror}). Free some space and run again."
        ) from error
