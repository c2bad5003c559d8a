"""SQL that wants to do more than read, each case by its name: with the first check and without it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolgate_servers.errors import CannotStart, Reason, Refused
from toolgate_servers.retrieval.folder import Folder
from toolgate_servers.retrieval.sql.checks import check_query
from toolgate_servers.retrieval.sql.databases import Asked, Files, FolderTables, Limits, SqliteFile
from toolgate_servers.running import Run

LIMITS = Limits(rows=100, bytes=50_000, seconds=1.0)

ENDLESS = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) "

SQLITE = {
    "insert": "INSERT INTO people VALUES ('eve', 1)",
    "update": "UPDATE people SET age = 0",
    "delete": "DELETE FROM people",
    "delete with returning": "DELETE FROM people RETURNING *",
    "replace": "REPLACE INTO people VALUES ('eve', 1)",
    "drop": "DROP TABLE people",
    "create": "CREATE TABLE evil (x)",
    "create as select": "CREATE TABLE evil AS SELECT * FROM people",
    "temporary table": "CREATE TEMP TABLE evil (x)",
    "trigger": "CREATE TRIGGER evil AFTER INSERT ON people BEGIN DELETE FROM people; END",
    "alter": "ALTER TABLE people RENAME TO gone",
    "a change behind WITH": "WITH x AS (SELECT 1) DELETE FROM people",
    "a second statement": "SELECT 1; DROP TABLE people",
    "a second statement behind a comment": "SELECT 1 /* ; */ ; DELETE FROM people --",
    "attach": "ATTACH DATABASE '/tmp/evil.db' AS evil",
    "attach memory": "ATTACH ':memory:' AS evil",
    "detach": "DETACH DATABASE main",
    "vacuum into a file": "VACUUM INTO '/tmp/evil.db'",
    "pragma": "PRAGMA writable_schema = ON",
    "pragma that switches writing on": "PRAGMA query_only = OFF",
    "pragma as a table": "SELECT * FROM pragma_database_list",
    "pragma with an argument as a table": "SELECT * FROM pragma_table_info('people')",
    "load_extension": "SELECT load_extension('/tmp/evil.so')",
    "load_extension in a condition": "SELECT * FROM people WHERE load_extension('evil') IS NULL",
    "load_extension in quotes": "SELECT \"load_extension\"('evil')",
    "readfile": "SELECT readfile('/etc/passwd')",
    "writefile": "SELECT writefile('/tmp/evil', 'x')",
    "edit": "SELECT edit('x', 'sh')",
    "tokenizer": "SELECT fts3_tokenizer('simple')",
    "endless recursion": ENDLESS + "SELECT count(*) FROM t",
    "endless sort": ENDLESS + "SELECT n FROM t ORDER BY -n",
    "cartesian product": (
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t LIMIT 5000) "
        "SELECT count(*) FROM t AS a, t AS b, t AS c"
    ),
    "a string beyond memory": "SELECT replace(hex(zeroblob(5000000)), '0', hex(zeroblob(5000)))",
    "a blob beyond memory": "SELECT zeroblob(2000000000)",
    "text beyond the limit": "SELECT hex(zeroblob(9000000))",
    "a pattern that takes for ever": ("SELECT '" + "a" * 5000 + "' LIKE '" + "%a" * 2000 + "b'"),
    "transaction": "BEGIN IMMEDIATE",
    "savepoint": "SAVEPOINT evil",
    "explain of a change": "EXPLAIN DELETE FROM people",
    "reindex": "REINDEX",
    "nothing": "",
    "only a comment": "-- nothing",
}


@pytest.fixture
def people(tmp_path: Path) -> Path:
    file = tmp_path / "people.db"
    connection = sqlite3.connect(file)
    connection.executescript(
        "CREATE TABLE people (name TEXT, age INTEGER); INSERT INTO people VALUES ('ann', 7);"
    )
    connection.close()
    return file


@pytest.fixture
def sqlite_file(people: Path) -> Iterator[SqliteFile]:
    database = SqliteFile("people", people)
    yield database
    database.close()


def outcome(database: Asked, sql: str, *, checked: bool) -> Reason | list[list[object]]:
    """What becomes of a query: why it is refused, or the rows that it gives."""
    try:
        if checked:
            check_query(sql, database.dialect)
        return [list(row) for row in database.query(sql, [], LIMITS, explain=False).rows]
    except Refused as refused:
        return refused.reason


@pytest.mark.parametrize("sql", SQLITE.values(), ids=SQLITE.keys())
def test_sqlite_only_reads(sqlite_file: SqliteFile, people: Path, sql: str) -> None:
    before = people.read_bytes()
    assert isinstance(outcome(sqlite_file, sql, checked=True), Reason)
    # Without the first check the engine still changes nothing; what gives no rows has done nothing.
    assert outcome(sqlite_file, sql, checked=False) in [*Reason, []]
    assert people.read_bytes() == before
    assert outcome(sqlite_file, "SELECT name FROM people", checked=True) == [["ann"]]
    assert not list(people.parent.glob("evil*"))


FAILS = {
    "two tables with one column": ("SELECT name FROM people, people AS p", "as in orders.id"),
    "an aggregate in WHERE": ("SELECT name FROM people WHERE count(*) > 1", "HAVING"),
    "a UNION of two widths": ("SELECT 1 UNION SELECT 1, 2", "the same number of columns"),
    "a function with too much": ("SELECT upper(name, 1) FROM people", "arguments|CAST"),
}


@pytest.mark.parametrize(("sql", "expected"), FAILS.values(), ids=FAILS.keys())
@pytest.mark.parametrize("engine", ["sqlite", "duckdb"])
def test_a_query_that_fails_says_what_to_do_next(
    request: pytest.FixtureRequest, engine: str, sql: str, expected: str
) -> None:
    database: Asked = request.getfixturevalue("sqlite_file" if engine == "sqlite" else "files")
    with pytest.raises(Refused, match=expected) as caught:
        database.query(sql, [], LIMITS, explain=False)
    assert caught.value.reason is Reason.QUERY_FAILED


def test_a_column_that_is_not_grouped_is_not_taken_for_unknown(files: Files) -> None:
    with pytest.raises(Refused, match="GROUP BY"):
        files.query("SELECT name, count(*) FROM people", [], LIMITS, explain=False)
    assert outcome(files, "SELECT nope FROM people", checked=True) is Reason.NO_SUCH_COLUMN
    assert outcome(files, "SELECT * FROM people JOIN people AS p USING (nope)", checked=True) is (
        Reason.NO_SUCH_COLUMN
    )


LONG = Limits(seconds=60.0)


def test_a_query_whose_caller_has_left_works_no_longer(sqlite_file: SqliteFile) -> None:
    left = Run(60.0)
    left.abandon()
    for run, reason in ((left, Reason.CANCELLED), (Run(0.2), Reason.TIMED_OUT)):
        with pytest.raises(Refused) as caught:
            sqlite_file.query(ENDLESS + "SELECT count(*) FROM t", [], LONG, explain=False, run=run)
        assert caught.value.reason is reason
        assert outcome(sqlite_file, "SELECT name FROM people", checked=True) == [["ann"]]


def test_the_log_says_nothing_of_a_query(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Refused):
        check_query("VACUUM INTO 'hunter2'", "sqlite")
    assert "hunter2" not in caplog.text


def test_the_index_of_a_schema_cannot_call_what_the_file_names(tmp_path: Path) -> None:
    """A file made by somebody else may hold views that call functions: those that reach out are not there."""
    file = tmp_path / "hostile.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE VIEW people AS SELECT load_extension('/tmp/evil.so') AS name")
    connection.close()
    database = SqliteFile("hostile", file)
    assert outcome(database, "SELECT * FROM people", checked=True) in list(Reason)
    database.close()


@pytest.mark.parametrize(
    "content",
    [b"not a database" * 100, b"SQLite format 3\x00" + b"\xff" * 5000, b""],
    ids=["text", "damaged", "empty"],
)
def test_a_file_that_is_no_database_is_refused_or_empty(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.db").write_bytes(content)
    database = SqliteFile("x", tmp_path / "x.db")
    assert outcome(database, "SELECT name FROM people", checked=True) in (
        Reason.UNREADABLE,
        Reason.NO_SUCH_TABLE,
    )
    database.close()


def test_a_database_in_wal_mode_is_read_without_a_trace(tmp_path: Path) -> None:
    file = tmp_path / "wal.db"
    connection = sqlite3.connect(file)
    connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1);")
    connection.close()
    database = SqliteFile("wal", file)
    assert outcome(database, "SELECT x FROM t", checked=True) == [[1]]
    database.close()


def test_a_file_that_is_not_there_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(CannotStart):
        SqliteFile("x", tmp_path / "nowhere.db")
    with pytest.raises(CannotStart):
        Files("x", tmp_path / "nowhere")


DUCKDB = {
    "read_csv": "SELECT * FROM read_csv('/etc/passwd', header = false, sep = ':')",
    "read_csv_auto": "SELECT * FROM read_csv_auto('/etc/passwd')",
    "read_text": "SELECT * FROM read_text('/etc/hostname')",
    "read_blob": "SELECT * FROM read_blob('/proc/self/environ')",
    "read_json": "SELECT * FROM read_json('/etc/passwd')",
    "read_parquet": "SELECT * FROM read_parquet('/etc/passwd')",
    "a file in place of a table": "SELECT * FROM '/etc/passwd.csv'",
    "a pattern in place of a table": "SELECT * FROM '/etc/*.csv'",
    "a URL in place of a table": "SELECT * FROM 'http://127.0.0.1/x.csv'",
    "a bucket in place of a table": "SELECT * FROM 's3://bucket/x.parquet'",
    "a neighbour of the files": "SELECT * FROM read_text('{folder}/../secret.csv')",
    "a link out of the folder": "SELECT * FROM link",
    "glob": "SELECT * FROM glob('/etc/*')",
    "sniff_csv": "SELECT * FROM sniff_csv('/etc/passwd')",
    "parquet_metadata": "SELECT * FROM parquet_metadata('/etc/passwd')",
    "install": "INSTALL httpfs",
    "install and load": "INSTALL sqlite; LOAD sqlite",
    "load": "LOAD '/tmp/evil.duckdb_extension'",
    "copy out": "COPY people TO '/tmp/evil.csv'",
    "copy a query out": "COPY (SELECT * FROM people) TO '/tmp/evil.parquet'",
    "copy in": "COPY people FROM '/etc/passwd'",
    "export": "EXPORT DATABASE '/tmp/evil'",
    "import": "IMPORT DATABASE '/tmp/evil'",
    "attach": "ATTACH '/tmp/evil.db'",
    "attach sqlite": "ATTACH '/tmp/evil.db' (TYPE sqlite)",
    "attach postgres": "ATTACH 'host=127.0.0.1' AS p (TYPE postgres)",
    "set": "SET enable_external_access = true",
    "set another way": "PRAGMA enable_external_access = true",
    "reset": "RESET enable_external_access",
    "allow a folder": "SET allowed_directories = ['/']",
    "secret": "CREATE SECRET s (TYPE s3, KEY_ID 'x', SECRET 'y')",
    "secrets": "SELECT * FROM duckdb_secrets()",
    "environment": "SELECT getenv('HOME')",
    "query in a string": "SELECT * FROM query('SELECT * FROM read_text(''/etc/hostname'')')",
    "query_table of a file": "SELECT * FROM query_table('/etc/passwd')",
    "macro": "CREATE MACRO evil() AS TABLE SELECT * FROM read_text('/etc/hostname')",
    "temporary macro": "CREATE TEMP MACRO evil(x) AS x",
    "insert": "INSERT INTO people VALUES ('eve', 1)",
    "update": "UPDATE people SET age = 0",
    "delete": "DELETE FROM people",
    "create": "CREATE TABLE evil AS SELECT * FROM people",
    "drop": "DROP VIEW people",
    "call": "CALL pragma_version()",
    "prepare": "PREPARE p AS SELECT 1",
    "second statement": "SELECT 1; COPY people TO '/tmp/evil.csv'",
    "endless recursion": ENDLESS + "SELECT count(*) FROM t",
    "memory": "SELECT list(a.range) FROM range(100000000) AS a, range(100) AS b",
    "a string beyond memory": "SELECT length(repeat('x', 100000000000))",
    "substrait": "SELECT * FROM from_substrait('x'::BLOB)",
    "scan of another engine": "SELECT * FROM sqlite_scan('/tmp/evil.db', 't')",
}


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    pytest.importorskip("duckdb", reason="comes with the extra `servers`")
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "people.csv").write_text("name,age\nann,7\nbob,8\n")
    (tmp_path / "secret.csv").write_text("word\nhunter2\n")
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    database = Files("files", folder)
    yield database
    database.close()


@pytest.mark.parametrize("sql", DUCKDB.values(), ids=DUCKDB.keys())
def test_duckdb_sees_its_files_and_nothing_else(files: Files, tmp_path: Path, sql: str) -> None:
    sql = sql.replace("{folder}", str(tmp_path / "files"))
    assert isinstance(outcome(files, sql, checked=True), Reason)
    if not sql.startswith(("SELECT * FROM duckdb_secrets", "SELECT * FROM query_table")):
        unchecked = outcome(files, sql, checked=False)
        assert isinstance(unchecked, Reason), unchecked
    assert outcome(files, "SELECT name FROM people ORDER BY age", checked=True) == [["ann"], ["bob"]]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("evil")] == []


def test_the_csv_files_of_the_documents_are_tables_that_only_read(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text('Name,Age,"First Seen"\nann,7,2020-01-01\n"bob ""b""",8,\n')
    (tmp_path / "notes.md").write_text("| not | a table of the database |")
    database = FolderTables("documents", Folder(tmp_path))
    (table,) = database.tables(LIMITS)
    assert (table.name, [name for name, _ in table.columns]) == ("people", ["name", "age", "first_seen"])
    rows = outcome(database, "SELECT name, age + 1, first_seen FROM people ORDER BY age", checked=True)
    assert rows == [["ann", 8, "2020-01-01"], ['bob "b"', 9, None]]
    for sql in ("DELETE FROM people", "INSERT INTO people VALUES (1, 2, 3)", "ATTACH ':memory:' AS x"):
        assert isinstance(outcome(database, sql, checked=False), Reason)
    (tmp_path / "people.csv").write_text("Name\ncleo\n")
    assert outcome(database, "SELECT name FROM people", checked=True) == [["cleo"]]
    database.close()
