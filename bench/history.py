"""A run log of 10,000 runs, made from the demo's own history: its runs told again under other names and times.

Every row is a row of the demo's log with the run's name, number and time changed, so each table has the shape and the
values of real runs. The hashes are not a chain: no page checks them, and `tailguard verify` would refuse the copy.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

LINEAGES = 10
DECISION_KINDS = ("run_started", "shipping_event", "clearance", "clearance_signed", "deployed", "outputs_logged")
"""Kinds in the chain of decisions that stand there run by run; its other rows (the meeting, plays, streams) stand once."""


def write(demo: Path, folder: Path, *, runs: int) -> Path:
    """A workspace whose log tells of at least `runs` runs in ten lineages, over the same year as the demo's."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("store", "runs", "cache"):
        if (demo / name).is_dir():
            shutil.copytree(demo / name, folder / name, dirs_exist_ok=True)
    flows = _flows((demo / "flows.yaml").read_text())
    (folder / "flows.yaml").write_text(flows)
    policy = _policy((demo / "policy.toml").read_text())
    (folder / "policy.toml").write_text(policy)
    log = folder / "runlog.duckdb"
    shutil.copyfile(demo / "runlog.duckdb", log)
    with duckdb.connect(str(log)) as connection:
        _repeat(connection, runs)
        connection.execute("UPDATE policy_in_force SET text = ?", [policy])
        connection.execute("UPDATE flows_declared SET text = ?", [flows])
    shutil.copyfile(log, folder / "runlog.published.duckdb")
    return folder


def _policy(text: str) -> str:
    """The demo's policy with a table for every lineage."""
    head, *tables = text.split("[lineages.")
    rules = {table.partition("]")[0]: table.partition("]")[2] for table in tables}
    lines = [f"[lineages.{name}]{rule}" for name, rule in rules.items()]
    lines += [f"[lineages.{_name(name, at)}]{rules[name]}" for at in range(1, LINEAGES // 2) for name in rules]
    return head + "\n".join(lines)


def _flows(text: str) -> str:
    """The demo's flows, and the same of every copy, with its checkpoints."""
    lines = []
    for line in text.splitlines():
        copies = range(1, LINEAGES // 2) if line.startswith("  - ") else ()
        lines += [line, *(line.replace("guarded", f"guarded-{at}").replace("name: ", f"name: {at} ") for at in copies)]
    return "\n".join(lines) + "\n"


def _name(lineage: str, at: int) -> str:
    return f"{lineage}-{at}" if at else lineage


def _repeat(connection: duckdb.DuckDBPyConnection, runs: int) -> None:
    known = {row[0] for row in connection.execute("SHOW TABLES").fetchall()}
    tables = [row[0] for row in connection.execute("SELECT DISTINCT kind FROM entry").fetchall() if row[0] in known]
    first, last, once, length = connection.execute(
        "SELECT min(recorded), max(recorded), (SELECT count(*) FROM run_started), (SELECT max(number) + 1 FROM run_started) "
        "FROM entry"
    ).fetchone() or (None, None, 0, 0)
    strips = -(-runs // (once * (LINEAGES // 2)))
    connection.execute(f"CREATE TEMP TABLE copy AS SELECT j, k FROM range({LINEAGES // 2}) a(j), range({strips}) b(k)")  # noqa: S608  names of our own tables
    kinds = ", ".join(f"'{kind}'" for kind in DECISION_KINDS)
    which = f"(j, k) <> (0, 0) AND (e.chain <> 'decisions' OR e.kind IN ({kinds}))"

    def renamed(column: str) -> str:
        """A run's name moved to the copy's lineage, k strips of the demo's history later, and what a lineage feeds and writes to
        the copy's; anything else as it is."""
        return (
            f"CASE WHEN j > 0 AND regexp_full_match({column}, '(un)?guarded (outputs|training set)') "
            f"THEN regexp_replace({column}, 'guarded', 'guarded-' || j) "
            f"WHEN regexp_full_match({column}, '(un)?guarded/[0-9]+') "
            f"THEN split_part({column}, '/', 1) || CASE WHEN j = 0 THEN '' ELSE '-' || j END || '/' || "
            f"(split_part({column}, '/', 2)::INT + k * {length}) ELSE {column} END"
        )

    key = (
        f"{renamed('e.chain')} || '#' || e.seq || CASE WHEN e.chain = 'decisions' THEN '.' || j || '.' || k ELSE '' END"
    )
    for table in tables:
        columns = []
        for name, kind, *_ in connection.execute(f"DESCRIBE {table}").fetchall():
            moved = {
                "id": key,
                "number": f"t.number + k * {length}",
                "lineage": "t.lineage || CASE WHEN j = 0 THEN '' ELSE '-' || j END",
            }
            columns.append(moved.get(name) or (renamed(f't."{name}"') if kind == "VARCHAR" else f't."{name}"'))
        connection.execute(
            f"INSERT INTO {table} SELECT {', '.join(columns)} FROM {table} t JOIN entry e USING (id), copy WHERE {which}"  # noqa: S608  names of our own tables
        )
    begin, span = f"TIMESTAMP '{first}'", f"(TIMESTAMP '{last}' - TIMESTAMP '{first}')"
    moved_time = f"{begin} + {span} * (k / {strips}) + (e.recorded - {begin}) / {strips}"
    connection.execute(
        f"CREATE TEMP TABLE fresh AS SELECT {key} AS id, {renamed('e.chain')} AS chain, e.seq, e.kind, "  # noqa: S608  names of our own tables
        f"{moved_time} AS recorded, "
        f"e.actor, e.clock, sha256(e.prev_hash || j || '.' || k) AS prev_hash, sha256(e.row_hash || j || '.' || k) AS row_hash "
        f"FROM entry e, copy WHERE {which}"
    )
    connection.execute(
        f"UPDATE entry e SET recorded = {begin} + (e.recorded - {begin}) / {strips} "  # noqa: S608  names of our own tables
        f"WHERE e.chain <> 'decisions' OR e.kind IN ({kinds})"
    )
    connection.execute("INSERT INTO entry SELECT * FROM fresh ORDER BY recorded, chain, seq")
