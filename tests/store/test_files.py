"""What the store says of contents that are not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tailguard.errors import InputError
from tailguard.store.files import Store

DIGEST = "0" * 64
READS: dict[str, Callable[[Store], object]] = {
    "bytes": lambda store: store.bytes("runbooks", DIGEST, ".md"),
    "json": lambda store: store.json("reports", DIGEST),
    "table": lambda store: store.table("records", DIGEST),
    "batches": lambda store: list(store.batches("records", DIGEST)),
    "rows": lambda store: store.rows("anchors", DIGEST),
    "folder": lambda store: store.folder("weights", DIGEST),
    "found": lambda store: store.found("training", DIGEST, ".jsonl"),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_log_without_its_store_is_told_to_copy_the_store(tmp_path: Path, read: Callable[[Store], object]) -> None:
    with pytest.raises(InputError, match=r"There is no store at .*store: only the run log is here.* Copy the store"):
        read(Store(tmp_path / "store"))


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_content_that_a_store_lacks_is_named(tmp_path: Path, read: Callable[[Store], object]) -> None:
    (tmp_path / "store").mkdir()

    with pytest.raises(InputError, match=rf"{DIGEST}.* is missing from the store\. Restore it from a backup\."):
        read(Store(tmp_path / "store"))


def test_a_content_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    (tmp_path / "store" / "reports" / f"{DIGEST}.json").mkdir(parents=True)

    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)\. Restore it from a backup\."):
        store.json("reports", DIGEST)
