"""Reads folders: a Hugging Face data set on disk, a folder of record files, or a folder of text files.

What the folder's card (README.md) or its croissant.json says of the origin of all records holds for those that say nothing
themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from tailguard.adapters.readers.declarations import Declared, declared_by_card, declared_by_croissant
from tailguard.adapters.readers.fields import excerpt
from tailguard.adapters.readers.parquet import read_arrow
from tailguard.adapters.readers.source import filesystem, kind_of
from tailguard.domain.reasons import Reason
from tailguard.errors import InputError
from tailguard.ports import Columns, RawRecord, Reader, Reject

TEXT = (".txt", ".md", ".rst")
CARDS = ("README.md", "croissant.json", "dataset_info.json", "state.json", "dataset_dict.json")
LONGEST_TEXT = 16 * 1024 * 1024


def read_folder(path: str, columns: Columns, *, readers: dict[str, Reader]) -> Iterator[RawRecord | Reject]:
    """Records and rejects of all files, in the order of their names, each with the file that it is from.

    Raises InputError for a folder in which nothing can be read.
    """
    system, root = filesystem(path)
    declared = _card(system, root)
    for record in _all(system, root, path, columns, readers):
        if declared and isinstance(record, RawRecord) and record.declared is None:
            yield replace(record, declared=declared.origin, declared_by=declared.field)
        else:
            yield record


def _all(
    system: Any, root: str, path: str, columns: Columns, readers: dict[str, Reader]
) -> Iterator[RawRecord | Reject]:
    if system.exists(f"{root}/dataset_dict.json"):
        splits = _json(system, f"{root}/dataset_dict.json", path).get("splits")
        if not isinstance(splits, list):
            raise InputError(f"{path}: dataset_dict.json lists no splits. Save the data set again.")
        for split in splits:
            yield from _data_set(system, f"{root}/{split}", path, columns, f"{split}/")
        return
    if system.exists(f"{root}/state.json"):
        yield from _data_set(system, root, path, columns, "")
        return
    files = [file for file in sorted(system.find(root)) if PurePosixPath(file).name not in CARDS]
    files = [file for file in files if not PurePosixPath(file).name.startswith(".")]
    of_records = [file for file in files if kind_of(file) in readers]
    texts = [file for file in files if PurePosixPath(file).suffix.lower() in TEXT]
    if not of_records and not texts:
        known = ", ".join((*readers, *TEXT))
        raise InputError(f"{path} is a folder without a file that Tailguard reads ({known}). Check the path.")
    for file in of_records:
        yield from _named(readers[kind_of(file)], system.unstrip_protocol(file), columns, _relative(file, root))
    for number, file in enumerate([] if of_records else texts, start=1):
        yield _text(system, file, number, _relative(file, root))


def _named(reader: Reader, file: str, columns: Columns, name: str) -> Iterator[RawRecord | Reject]:
    """One file's records; a file that cannot be read as a whole is one reject among the others of the folder."""
    try:
        for record in reader(file, columns):
            yield replace(record, file=name)
    except InputError as error:
        yield Reject(1, Reason.UNREADABLE, f"the file cannot be read: {error}", "", name)


def _data_set(system: Any, root: str, path: str, columns: Columns, prefix: str) -> Iterator[RawRecord | Reject]:
    state = _json(system, f"{root}/state.json", path)
    try:
        names = [str(entry["filename"]) for entry in state["_data_files"]]
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: state.json names no data files. Save the data set again.") from error
    for name in names:
        yield from _named(read_arrow, system.unstrip_protocol(f"{root}/{name}"), columns, prefix + name)


def _text(system: Any, file: str, number: int, name: str) -> RawRecord | Reject:
    """A text file is one record; what it is called is kept."""
    if int(system.size(file) or 0) > LONGEST_TEXT:
        return Reject(number, Reason.TOO_LONG, f"the file is longer than {LONGEST_TEXT // 2**20} MiB", "", name)
    with system.open(file, "rb") as source:
        content = source.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Reject(number, Reason.UNREADABLE, "not UTF-8", excerpt(content[:320].decode("utf-8", "replace")), name)
    if not text.strip():
        return Reject(number, Reason.NO_TEXT, "the file is blank", "", name)
    if "\x00" in text:
        return Reject(number, Reason.BAD_FIELD, "text holds NUL bytes", "", name)
    return RawRecord(text, None, number, "", json.dumps({"file": name}), name)


def _card(system: Any, root: str) -> Declared | None:
    if system.exists(f"{root}/croissant.json"):
        description = _json(system, f"{root}/croissant.json", root)
        if declared := declared_by_croissant(description):
            return declared
    if system.exists(f"{root}/README.md"):
        return declared_by_card(_front_matter(system.cat_file(f"{root}/README.md").decode("utf-8", "replace")))
    return None


def _front_matter(text: str) -> dict[str, Any]:
    """The two lists that matter here, from the YAML between the first two `---` lines: `key: value` or `key:` and `- item`."""
    if not text.startswith("---"):
        return {}
    entries: dict[str, Any] = {}
    key = ""
    for line in text.split("\n---", 1)[0].splitlines()[1:]:
        if line[:1].isalpha():
            key, _, value = line.partition(":")
            value = value.strip()
            entries[key] = [item.strip(" '\"") for item in value.strip("[]").split(",")] if value else []
        elif line.lstrip().startswith("- ") and isinstance(entries.get(key), list):
            entries[key].append(line.lstrip()[2:].strip(" '\""))
    return entries


def _json(system: Any, file: str, path: str) -> dict[str, Any]:
    try:
        content = json.loads(system.cat_file(file))
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{path}: {PurePosixPath(file).name} cannot be read ({error}). Write it again.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: {PurePosixPath(file).name} is not a JSON object. Write it again.")
    return content


def _relative(file: str, root: str) -> str:
    return file[len(root) :].lstrip("/")
