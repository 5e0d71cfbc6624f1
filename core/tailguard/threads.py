"""One thread for figures that are recorded: with two, a library adds up in another order, and a last digit that differs
changes every digest after it.

Each product of matrices and each call of a solver in this package stands in a `with one_thread():`. What a team brings itself
(a trainer, a generator, a scorer) keeps its threads.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

_computing = threading.RLock()
"""The number of threads that BLAS uses is a setting of the whole process: who gives it back must not do so under another."""


@contextmanager
def one_thread() -> Iterator[None]:
    """BLAS and OpenMP compute with one thread in this block; import the library that computes ahead of it."""
    with _computing, _libraries(len(sys.modules)).limit(limits=1):
        yield


@lru_cache(maxsize=1)
def _libraries(_modules: int) -> ThreadpoolController:
    """The loaded libraries. Searching them takes milliseconds, so it is done anew only when modules were imported since."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
