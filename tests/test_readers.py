"""Readers on good and bad input: every bad record gets a line and a reason, every good one is read."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tailguard.adapters.readers import WHOLE, jsonl, read_texts, reader_for
from tailguard.errors import InputError
from tailguard.ports import RawRecord, Reject
from tests.builders import write_jsonl


def test_broken_lines_are_set_aside_and_good_ones_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "LONGEST_LINE", 1000)
    path = write_jsonl(
        tmp_path / "x.jsonl",
        [
            {"text": "good one", "origin": "human"},
            b'{"text": "cut off',
            b'{"text": "latin \xe9"}',
            b"[1, 2]",
            {"body": "no text here"},
            {"text": 7},
            {"text": "   "},
            {"text": "nul \x00 byte"},
            b'{"text": "' + b"long " * 400 + b'"}',
            {"text": "odd", "origin": "robot"},
            b'{"text": "\\ud800 half"}',
            b"[" * 100_000,
            b"",
            {"text": "good two"},
        ],
    )
    monkeypatch.setattr(jsonl, "LONGEST_LINE", 1000)

    rows = list(reader_for(str(path))(str(path), WHOLE))

    assert [(row.text, row.declared, row.line) for row in rows if isinstance(row, RawRecord)] == [
        ("good one", "human", 1),
        ("good two", None, 14),
    ]
    reasons = {row.line: row.reason for row in rows if isinstance(row, Reject)}
    assert sorted(reasons) == list(range(2, 13))
    for line, told in {2: "not JSON", 3: "not UTF-8", 4: "not an object but list", 5: "no text", 6: "text is int", 7: "blank",
                       8: "NUL", 9: "longer than", 10: "'robot'", 11: "surrogate", 12: "longer than"}.items():  # fmt: skip
        assert told in reasons[line], (line, reasons[line])


def test_a_deeply_nested_line_is_a_reject(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "x.jsonl", [b"[" * 100_000, {"text": "good"}])

    rows = list(reader_for(str(path))(str(path), WHOLE))

    assert isinstance(rows[0], Reject)
    assert isinstance(rows[1], RawRecord)


def test_a_line_of_fifty_megabytes_is_skipped_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with path.open("wb") as file:
        file.write(b'{"text": "')
        for _ in range(50):
            file.write(b"x" * 2**20)
        file.write(b'"}\n{"text": "after"}\n')

    rows = list(reader_for(str(path))(str(path), WHOLE))

    assert "longer than 16 MiB" in rows[0].reason  # type: ignore[union-attr]
    assert rows[1] == RawRecord("after", None, 2)


def test_parquet_rows_are_read_with_their_origin(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": ["one", None, "three"], "origin": ["ai", "ai", None]}), path)

    rows = list(reader_for(str(path))(str(path), WHOLE))

    assert rows[0] == RawRecord("one", "ai", 1, "origin")
    assert isinstance(rows[1], Reject)
    assert rows[2] == RawRecord("three", None, 3)


def test_broken_files_are_clear_errors(tmp_path: Path) -> None:
    whole = tmp_path / "whole.parquet"
    pq.write_table(pa.table({"text": ["a"] * 5000}), whole)
    (tmp_path / "cut.parquet").write_bytes(whole.read_bytes()[:-200])
    pq.write_table(pa.table({"body": ["a"]}), tmp_path / "other.parquet")
    (tmp_path / "x.docx").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty").mkdir()

    for name, told in {
        "cut.parquet": "not a Parquet file that can be read",
        "other.parquet": "no column `text`; it has body",
        "missing.jsonl": "does not exist",
        "x.docx": "reads .jsonl, .ndjson, .parquet",
        ".": "is a folder",
    }.items():
        path = tmp_path / name
        with pytest.raises(InputError, match=told):
            list(reader_for(str(path))(str(path), WHOLE))


def test_a_file_that_has_to_be_whole_names_its_first_bad_line(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "x.jsonl", [{"text": "a"}, {"text": ""}])

    with pytest.raises(InputError, match="line 2: text is blank"):
        list(read_texts(str(path)))
