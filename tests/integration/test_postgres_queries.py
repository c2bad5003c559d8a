"""query_sql against a real PostgreSQL: what it gives, and what no query gets it to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from postgreses import running
from toolgate_servers.errors import CannotStart, Reason, Refused
from toolgate_servers.retrieval.sql.checks import check_query
from toolgate_servers.retrieval.sql.databases import Limits
from toolgate_servers.running import Run

pytestmark = pytest.mark.servers

asyncpg: Any = pytest.importorskip("asyncpg", reason="comes with the extra `servers`")

LIMITS = Limits(rows=10, bytes=20_000, seconds=1.0)

SETUP = """
CREATE TABLE people (id integer PRIMARY KEY, name text, paid numeric(10, 2), joined date, extra jsonb);
INSERT INTO people VALUES (1, 'ann', 12.50, '2020-01-02', '{"a": 1}'), (2, 'bob', NULL, NULL, NULL);
CREATE VIEW names AS SELECT name FROM people;
CREATE SEQUENCE counter;
CREATE TABLE hidden (word text);
CREATE FUNCTION sneaky() RETURNS integer LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO people VALUES (99, 'eve'); RETURN 1; END $$;
CREATE ROLE reader LOGIN;
GRANT SELECT ON people, names TO reader;
GRANT INSERT, UPDATE, DELETE ON people TO reader;
GRANT ALL ON SEQUENCE counter TO reader;
CREATE ROLE filereader LOGIN IN ROLE pg_read_server_files;
"""


@pytest.fixture(scope="module")
def owner() -> Iterator[str]:
    """The URL of a server's superuser, with tables and roles made."""
    with running() as url:

        async def set_up() -> None:
            connection = await asyncpg.connect(url)
            await connection.execute(SETUP)
            await connection.close()

        asyncio.run(set_up())
        yield url


def database(owner: str, role: str = "reader") -> Any:
    from toolgate_servers.retrieval.sql.postgres import Postgres

    return Postgres("people", owner.replace("postgres_owner", role))


def asked(owner: str, sql: str, *parameters: Any, checked: bool = True, **limits: Any) -> Any:
    if checked:
        check_query(sql, "postgres")
    return database(owner).query(sql, list(parameters), replace(LIMITS, **limits), explain=False)


def refused(owner: str, sql: str, *parameters: Any, checked: bool = True) -> Reason:
    with pytest.raises(Refused) as caught:
        asked(owner, sql, *parameters, checked=checked)
    return caught.value.reason


def test_rows_come_in_types_that_json_has(owner: str) -> None:
    answer = asked(owner, "SELECT * FROM people ORDER BY id")
    assert answer.columns == ["id", "name", "paid", "joined", "extra"]
    assert answer.rows == [[1, "ann", "12.50", "2020-01-02", '{"a": 1}'], [2, "bob", None, None, None]]


def test_parameters_are_values_and_never_sql(owner: str) -> None:
    assert asked(owner, "SELECT id FROM people WHERE name = $1", "ann").rows == [[1]]
    assert asked(owner, "SELECT id FROM people WHERE name = $1", "x' OR '1'='1").rows == []
    assert refused(owner, "SELECT id FROM people WHERE id = $1", "one") is Reason.ARGUMENT_NOT_VALID
    assert refused(owner, "SELECT id FROM people WHERE id = $1") is Reason.ARGUMENT_NOT_VALID


def test_rows_and_characters_are_limited(owner: str) -> None:
    many = asked(owner, "SELECT n FROM generate_series(1, 1000000) AS n")
    assert (len(many.rows), many.is_cut) == (10, True)
    long = asked(owner, "SELECT repeat('x', 9000) FROM generate_series(1, 10)")
    assert (len(long.rows), long.is_cut) == (2, True)


def test_a_query_whose_caller_has_left_is_stopped_on_the_server(owner: str) -> None:
    with pytest.raises(Refused) as caught:
        database(owner).query(
            "SELECT pg_sleep(50)", [], replace(LIMITS, seconds=60.0), explain=False, run=Run(1.0)
        )
    assert caught.value.reason is Reason.TIMED_OUT
    running_still = (
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(50)%'"
    )
    assert asked(owner, f"{running_still} AND pid <> pg_backend_pid()").rows == [[0]]


def test_a_plan_is_given_without_running_the_query(owner: str) -> None:
    answer = database(owner).query("SELECT pg_sleep(60)", [], LIMITS, explain=True)
    assert answer.columns == ["QUERY PLAN"]


def test_tables_are_those_that_the_role_may_read(owner: str) -> None:
    found = {table.name: table for table in database(owner).tables(LIMITS)}
    assert set(found) == {"people", "names"}
    assert found["names"].kind == "view"
    assert found["people"].columns[:3] == [("id", "integer"), ("name", "text"), ("paid", "numeric(10,2)")]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT nope FROM people", Reason.NO_SUCH_COLUMN),
        ("SELECT * FROM nope", Reason.NO_SUCH_TABLE),
        ("SELECT nope(1)", Reason.NOT_AVAILABLE),
        ("SELECT * FROM hidden", Reason.ACCESS_DENIED),
        ("SELECT 1 / 0", Reason.ARGUMENT_NOT_VALID),
        ("SELECT FROM WHERE", Reason.BAD_SYNTAX),
    ],
)
def test_what_is_wrong_is_named_without_a_word_of_the_query(owner: str, sql: str, reason: Reason) -> None:
    assert refused(owner, sql) is reason


# The first check refuses these; without it the transaction, the role or the clock does.
ATTACKS = {
    "insert": "INSERT INTO people VALUES (9, 'eve')",
    "update": "UPDATE people SET name = 'eve'",
    "delete": "DELETE FROM people",
    "insert in a WITH": "WITH x AS (INSERT INTO people VALUES (9, 'eve') RETURNING id) SELECT * FROM x",
    "delete in a WITH": "WITH x AS (DELETE FROM people RETURNING id) SELECT count(*) FROM x",
    "update in a WITH": "WITH x AS (UPDATE people SET name = 'eve' RETURNING id) SELECT * FROM x",
    "merge": "MERGE INTO people USING names ON false WHEN NOT MATCHED THEN INSERT VALUES (9)",
    "select into": "SELECT * INTO evil FROM people",
    "create as": "CREATE TABLE evil AS SELECT 1",
    "temporary table": "CREATE TEMP TABLE evil (x int)",
    "lock of rows": "SELECT * FROM people FOR UPDATE",
    "lock of a table": "LOCK TABLE people",
    "a function that writes": "SELECT sneaky()",
    "nextval": "SELECT nextval('counter')",
    "setval": "SELECT setval('counter', 7)",
    "large object": "SELECT lo_create(7)",
    "import of a file": "SELECT lo_import('/etc/passwd')",
    "pg_read_file": "SELECT pg_read_file('/etc/passwd')",
    "pg_read_file in capitals and quotes": 'SELECT "pg_catalog"."pg_read_file"(\'/etc/passwd\')',
    "pg_read_binary_file": "SELECT pg_read_binary_file('/etc/passwd')",
    "pg_ls_dir": "SELECT pg_ls_dir('/')",
    "pg_stat_file": "SELECT * FROM pg_stat_file('/etc/passwd')",
    "logs": "SELECT * FROM pg_ls_logdir()",
    "copy from a file": "COPY people FROM '/etc/passwd'",
    "copy to a program": "COPY people TO PROGRAM 'sh'",
    "copy of a query": "COPY (SELECT 1) TO '/tmp/evil'",
    "a query in a string": "SELECT query_to_xml('SELECT pg_read_file(''/etc/passwd'')', true, true, '')",
    "settings": "SELECT set_config('default_transaction_read_only', 'off', false)",
    "set": "SET transaction_read_only = off",
    "set role": "SET ROLE postgres_owner",
    "sleep": "SELECT pg_sleep(60)",
    "endless recursion": (
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t"
    ),
    "cartesian product": "SELECT count(*) FROM generate_series(1, 999999) AS a, generate_series(1, 999) AS b",
    "notify": "NOTIFY evil, 'data'",
    "pg_notify": "SELECT pg_notify('evil', 'data')",
    "dblink": "SELECT * FROM dblink('host=127.0.0.1', 'SELECT 1') AS t(x int)",
    "end of other sessions": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
    "reload": "SELECT pg_reload_conf()",
    "password hashes": "SELECT rolname, rolpassword FROM pg_authid",
    "two statements": "SELECT 1; DELETE FROM people",
    "end of the transaction": "COMMIT; DELETE FROM people",
    "do": "DO $$ BEGIN DELETE FROM people; END $$",
    "call": "CALL evil()",
    "prepare": "PREPARE p AS DELETE FROM people",
    "explain that carries out": "EXPLAIN ANALYZE DELETE FROM people",
    "listen": "LISTEN evil",
    "load": "LOAD 'evil'",
    "advisory lock": "SELECT pg_advisory_lock(1)",
    "extension": "CREATE EXTENSION dblink",
}
# Only the first check refuses these: the server undoes them when the transaction is rolled back.
ONLY_CHECKED = {
    *("settings", "notify", "pg_notify", "set", "listen", "advisory lock", "explain that carries out"),
    *("end of other sessions", "prepare", "temporary table", "lock of a table", "large object"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_with_the_first_check_and_without(owner: str, name: str) -> None:
    sql = ATTACKS[name]
    assert refused(owner, sql)
    try:
        asked(owner, sql, checked=False)
        assert name in ONLY_CHECKED
    except Refused:
        pass  # by the server itself
    assert asked(owner, "SELECT id, name FROM people ORDER BY id").rows == [[1, "ann"], [2, "bob"]]
    assert asked(owner, "SELECT count(*) FROM pg_class WHERE relname = 'evil'").rows == [[0]]
    assert asked(owner, "SELECT last_value FROM counter").rows == [[1]]
    assert asked(owner, "SELECT count(*) FROM pg_largeobject_metadata").rows == [[0]]


@pytest.mark.parametrize("role", ["postgres_owner", "filereader"])
def test_a_role_that_can_do_more_than_read_tables_is_refused(owner: str, role: str) -> None:
    with pytest.raises(Refused) as caught:
        database(owner, role).query("SELECT 1", [], LIMITS, explain=False)
    assert caught.value.reason is Reason.ACCESS_DENIED


def test_a_login_or_server_that_does_not_work_is_refused_without_its_password(owner: str) -> None:
    from toolgate_servers.retrieval.sql.postgres import Postgres

    nobody = Postgres("x", owner.replace("postgres_owner", "no_such_role:hunter2"))
    with pytest.raises(Refused) as caught:
        nobody.query("SELECT 1", [], LIMITS, explain=False)
    assert caught.value.reason is Reason.ACCESS_DENIED
    nowhere = Postgres("x", "postgresql://reader:hunter2@127.0.0.1:1/postgres")
    with pytest.raises(Refused) as caught:
        nowhere.query("SELECT 1", [], LIMITS, explain=False)
    assert caught.value.reason is Reason.UNREACHABLE
    assert "hunter2" not in str(caught.value)
    with pytest.raises(CannotStart):
        Postgres("x", "hunter2")
