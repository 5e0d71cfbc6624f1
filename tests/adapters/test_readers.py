"""Readers on good and bad input: every bad record gets a line and a reason, every good one is read."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailguard.adapters.readers import WHOLE, jsonl, read_texts, reader_for
from tailguard.adapters.readers.source import content_digest, read_unchanged, state_of
from tailguard.domain.tags import Origin
from tailguard.errors import InputError
from tailguard.ports import RawRecord, Reject
from tailguard.stages.score.reading import slices_of
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
    for line, message in {2: "not JSON", 3: "not UTF-8", 4: "not an object but list", 5: "no text", 6: "text is int", 7: "blank",
                       8: "NUL", 9: "longer than", 10: "'robot'", 11: "surrogate", 12: "longer than"}.items():  # fmt: skip
        assert message in reasons[line], (line, reasons[line])


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("origin", ["human"], "origin is \"['human']\", expected human, ai, mixed or unknown"),
        ("origin", {"who": "human"}, "expected human, ai, mixed or unknown"),
        ("origin", float("nan"), "origin is 'nan'"),
        ("origin", True, "origin is 'True'"),
        ("generation_model", ["gpt-x"], "generation_model is list, expected a word"),
        ("llm", {"name": "gpt-x"}, "llm is dict, expected a word"),
        ("digitalSourceType", 7, "digitalSourceType is int, expected a word"),
        ("slice", "half \ud800", "slice holds half of a surrogate pair"),
        ("licence", ["a", {"b": "nul \x00"}], "licence holds NUL bytes"),
        ("spans", float("inf"), "spans holds an infinite number"),
    ],
)
def test_a_column_of_the_wrong_type_rejects_its_record_and_no_other(
    tmp_path: Path, field: str, value: object, message: str
) -> None:
    path = write_jsonl(
        tmp_path / "x.jsonl", [{"text": "good one"}, {"text": "odd", field: value}, {"text": "good two"}]
    )

    first, odd, last = reader_for(str(path))(str(path), WHOLE)

    assert (first, last) == (RawRecord("good one", None, 1), RawRecord("good two", None, 3))
    assert isinstance(odd, Reject)
    assert (odd.line, odd.excerpt) == (2, "odd")
    assert message in odd.reason


@pytest.mark.parametrize("depth", [64, 65, 400, 960, 991])
@pytest.mark.parametrize("field", ["notes", "prov:wasAttributedTo", "origin", "text"])
def test_a_field_that_is_nested_too_deeply_rejects_its_record(tmp_path: Path, field: str, depth: int) -> None:
    nested = b'{"wasAssociatedWith": ' * depth + b"1" + b"}" * depth
    row = b'{"text": "odd", ' if field != "text" else b"{"
    path = write_jsonl(tmp_path / "x.jsonl", [row + f'"{field}": '.encode() + nested + b"}", {"text": "good"}])

    odd, good = reader_for(str(path))(str(path), WHOLE)

    assert good == RawRecord("good", None, 2)
    assert isinstance(odd, RawRecord) == (depth <= 64 and field not in ("origin", "text"))


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**400, 10**401)
    | st.floats()
    | st.text()
    | st.text(st.characters(categories=["Cs"]) | st.just("\x00"))
    | st.sampled_from([*Origin, "prov:Person", "gpt-x", "compositeSynthetic"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(["@type"]), inner, max_size=4)
    ),
    max_leaves=10,
)
COLUMNS = (
    *("text", "origin", "source", "licence", "spans", "batch", "model", "slice", "time"),
    *("generation_model", "llm", "digitalSourceType", "prov:wasAttributedTo", "prov:wasGeneratedBy"),
)


@settings(max_examples=300)
@given(rows=st.lists(st.dictionaries(st.sampled_from(COLUMNS), JSON_VALUES, max_size=4), min_size=1, max_size=5))
def test_whatever_stands_in_a_column_good_records_are_read_and_others_have_a_reason(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]]
) -> None:
    good = {"text": "a good record", "origin": "human"}
    written = [line for row in rows for line in (row if "text" in row else {"text": "a text"} | row, good)]
    path = write_jsonl(tmp_path_factory.mktemp("rows") / "x.jsonl", written)

    found = list(reader_for(str(path))(str(path), WHOLE))

    assert found[1::2] == [RawRecord("a good record", "human", 2 * at + 2, "origin") for at in range(len(rows))]
    assert [row.line for row in found] == list(range(1, len(written) + 1))
    records = [row for row in found if isinstance(row, RawRecord)]
    assert all(row.reason for row in found if isinstance(row, Reject))
    assert all(record.declared in (None, *Origin) for record in records)
    for record in records:  # what is carried along can be kept and read by everybody
        assert record.meta == "" or isinstance(json.loads(record.meta, parse_constant=pytest.fail), dict)
        pa.array([record.text, record.meta, *slices_of([record.meta], "slice")])


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

    assert isinstance(rows[0], Reject)
    assert "longer than 16 MiB" in rows[0].reason
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

    for name, message in {
        "cut.parquet": "not a Parquet file that can be read",
        "other.parquet": "no column `text`; it has body",
        "missing.jsonl": "does not exist",
        "x.docx": "reads .jsonl, .ndjson, .parquet",
        "empty": "is a folder without a file",
    }.items():
        path = tmp_path / name
        with pytest.raises(InputError, match=message):
            list(reader_for(str(path))(str(path), WHOLE))


def test_a_file_that_has_to_be_whole_names_its_first_bad_line(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "x.jsonl", [{"text": "a"}, {"text": ""}])

    with pytest.raises(InputError, match="line 2: text is blank"):
        list(read_texts(str(path)))


TEXTS = ("first one, with a comma", "second \u00e9\u4e2d", 'third says "yes"\nand goes on')
MORE = [
    {"text": text, "origin": origin, "year": year}
    for text, origin, year in zip(TEXTS, ("human", None, "ai"), (1, 2, 3), strict=True)
]


def jsonl_bytes() -> bytes:
    return "".join(json.dumps(row) + "\n" for row in MORE).encode()


def csv_bytes(delimiter: str = ",") -> bytes:
    sink = io.StringIO()
    writer = csv.DictWriter(sink, ["text", "origin", "year"], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(MORE)
    return sink.getvalue().encode()


def made(folder: Path, kind: str) -> Path:
    """The same three records in one of the forms that are read."""
    path = folder / kind
    table = pa.Table.from_pylist(MORE)
    if kind == "x.parquet":
        pq.write_table(table, path)
    elif kind in ("x.arrow", "data_set", "splits"):
        root = path if kind != "splits" else path / "train"
        place = path if kind == "x.arrow" else root / "data-00000-of-00001.arrow"
        place.parent.mkdir(parents=True, exist_ok=True)
        with pa.OSFile(str(place), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)
        if kind != "x.arrow":
            (root / "state.json").write_text(json.dumps({"_data_files": [{"filename": place.name}]}))
        if kind == "splits":
            (path / "dataset_dict.json").write_text(json.dumps({"splits": ["train"]}))
    elif kind == "folder":
        path.mkdir()
        for number, row in enumerate(MORE):
            (path / f"part-{number}.jsonl").write_text(json.dumps(row) + "\n")
    else:
        content = csv_bytes("\t" if "tsv" in kind else ",") if "csv" in kind or "tsv" in kind else jsonl_bytes()
        if kind.endswith(".gz"):
            content = gzip.compress(content)
        elif kind.endswith(".zst"):
            content = pa.Codec("zstd").compress(content).to_pybytes()
        path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "kind",
    [
        "x.jsonl",
        "x.ndjson",
        "x.jsonl.gz",
        "x.jsonl.zst",
        "x.csv",
        "x.csv.gz",
        "x.tsv",
        "x.parquet",
        "x.arrow",
        "data_set",
        "splits",
        "folder",
    ],
)
def test_every_form_gives_the_same_records(tmp_path: Path, kind: str) -> None:
    path = made(tmp_path, kind)

    rows = list(reader_for(str(path))(str(path), WHOLE))

    assert [(row.text, row.declared) for row in rows if isinstance(row, RawRecord)] == list(
        zip(TEXTS, ("human", None, "ai"), strict=True)
    )
    assert [json.loads(row.meta)["year"] for row in rows if isinstance(row, RawRecord)] in ([1, 2, 3], ["1", "2", "3"])
    assert len(content_digest(str(path))) == 64


def test_files_are_read_by_their_fsspec_address() -> None:
    import fsspec

    with fsspec.open("memory://bucket/x.jsonl", "wb") as file:
        file.write(jsonl_bytes())

    rows = list(reader_for("memory://bucket/x.jsonl")("memory://bucket/x.jsonl", WHOLE))

    assert [row.text for row in rows if isinstance(row, RawRecord)] == list(TEXTS)
    with pytest.raises(InputError, match="cannot be opened"):
        reader_for("martian://x.jsonl")


@pytest.mark.parametrize("kind", ["x.jsonl", "folder"])
def test_a_batch_that_is_written_to_while_it_is_read_is_refused(tmp_path: Path, kind: str) -> None:
    path = made(tmp_path, kind)
    state = state_of(str(path))
    assert state_of(str(path)) == state
    rows = read_unchanged(str(path), reader_for(str(path))(str(path), WHOLE), state=state)
    next(rows)

    with (path if path.is_file() else next(path.iterdir())).open("ab") as file:
        file.write(jsonl_bytes())

    with pytest.raises(InputError, match="was changed while it was read"):
        list(rows)


def test_a_folder_of_texts_is_a_record_a_file_and_its_card_declares_them(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: mit\nlanguage_creators:\n- machine-generated\n---\n# Set\n")
    (tmp_path / "b.txt").write_text("second")
    (tmp_path / "a.md").write_text("first")
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe")

    rows = list(reader_for(str(tmp_path))(str(tmp_path), WHOLE))

    assert [(row.text, row.declared, row.declared_by, row.file) for row in rows if isinstance(row, RawRecord)] == [
        ("first", "ai", "README.md language_creators", "a.md"),
        ("second", "ai", "README.md language_creators", "b.txt"),
    ]
    assert [(row.reason, row.file) for row in rows if isinstance(row, Reject)] == [("not UTF-8", "bad.txt")]


@pytest.mark.parametrize(
    ("description", "declared"),
    [
        ({"rai:dataCollectionType": ["Synthetic data"]}, "ai"),
        ({"rai:dataCollectionType": ["Web scraping", "Synthetic data"]}, "mixed"),
        ({"prov:wasAttributedTo": {"@type": "prov:Person"}}, "human"),
        ({"rai:dataCollectionType": "Web scraping"}, None),
    ],
)
def test_a_croissant_description_declares_a_folder(
    tmp_path: Path, description: dict[str, object], declared: str | None
) -> None:
    (tmp_path / "croissant.json").write_text(json.dumps(description))
    (tmp_path / "x.jsonl").write_bytes(b'{"text": "one"}\n{"text": "two", "origin": "human"}\n')

    rows = [row for row in reader_for(str(tmp_path))(str(tmp_path), WHOLE) if isinstance(row, RawRecord)]

    assert [row.declared for row in rows] == [declared, "human"]


def test_a_file_that_breaks_off_keeps_what_stands_before_it(tmp_path: Path) -> None:
    whole = gzip.compress(jsonl_bytes() * 2000)
    (tmp_path / "x.jsonl.gz").write_bytes(whole[: len(whole) * 2 // 3])

    rows = list(reader_for(str(tmp_path / "x.jsonl.gz"))(str(tmp_path / "x.jsonl.gz"), WHOLE))

    assert len(rows) > 1000
    assert isinstance(rows[-1], Reject)
    assert "breaks off here" in rows[-1].reason or "not JSON" in rows[-1].reason


def test_an_open_quote_loses_its_own_line_and_no_other(tmp_path: Path) -> None:
    lines = [
        b"text,origin",
        b"good one,human",
        b'"never closed,human',
        *(f"good {n},ai".encode() for n in range(3000)),
        b"a,b,c",
    ]
    (tmp_path / "x.csv").write_bytes(b"\n".join(lines))

    rows = list(reader_for(str(tmp_path / "x.csv"))(str(tmp_path / "x.csv"), WHOLE))

    assert sum(isinstance(row, RawRecord) for row in rows) == 3001
    assert [(row.line, row.reason) for row in rows if isinstance(row, Reject)] == [
        (3, "not CSV (a quote is not closed within 2000 lines)"),
        (3004, "3 fields, expected 2"),
    ]


def test_a_thousand_malformed_inputs_crash_nothing_and_lose_no_good_record() -> None:
    from bench.fuzz import readers_and_import

    assert readers_and_import(1000, seed=1) == (0, 0)
