"""How loops over arrays are compiled: one decorator with the options that all kernels share."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def njit(*, fastmath: bool = False, inline: Literal["never", "always"] = "never") -> Callable[[Kernel], Kernel]:
    """Compile a function when it is first called, keep the machine code on disk and let other threads run beside it.

    Where the package and the user's cache folder are read-only, it is kept in a temporary folder of the user's.
    To the type checker the function stays what it was. `fastmath` lets floating-point sums be reordered; `inline` writes
    the function into the kernels that call it.
    """

    compile_cached = numba.njit(cache=True, nogil=True, fastmath=fastmath, inline=inline)

    def compiled(function: Kernel) -> Kernel:
        try:
            return cast(Kernel, compile_cached(function))
        except RuntimeError:  # Numba can write neither beside the source file nor into the user's cache folder
            numba.config.CACHE_DIR = str(_temporary_cache())  # type: ignore[attr-defined]  # made at import
            return cast(Kernel, compile_cached(function))

    return compiled


def _temporary_cache() -> Path:
    """A folder that only this user can write to, as Numba runs what it finds there; the same in the next process."""
    folder = Path(tempfile.gettempdir(), f"tailguard-kernels-{os.getuid() if hasattr(os, 'getuid') else 'user'}")
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if stat.S_ISDIR(found.st_mode) and (os.name == "nt" or (found.st_uid == os.getuid() and not found.st_mode & 0o077)):
        return folder
    return Path(tempfile.mkdtemp(prefix="tailguard-kernels-"))
