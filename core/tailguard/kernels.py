"""How loops over arrays are compiled: one decorator with the options that all kernels share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def njit(*, fastmath: bool = False, inline: Literal["never", "always"] = "never") -> Callable[[Kernel], Kernel]:
    """Compile a function when it is first called, keep the machine code on disk and let other threads run beside it.

    To the type checker the function stays what it was. `fastmath` lets floating-point sums be reordered; `inline` writes
    the function into the kernels that call it.
    """

    def compiled(function: Kernel) -> Kernel:
        return cast(Kernel, numba.njit(cache=True, nogil=True, fastmath=fastmath, inline=inline)(function))

    return compiled
