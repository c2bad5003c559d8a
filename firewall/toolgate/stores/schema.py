"""The tables of the one SQLite file: state, and the journal. docs/journal.md describes the journal's."""

from __future__ import annotations

from typing import Final

VERSION: Final = 2

TABLES: Final = """
create table if not exists records(
    id integer primary key,
    writer text not null,
    seq integer not null,
    turn integer not null,
    body blob not null,
    mac blob not null,
    salt blob);
create table if not exists heads(
    writer text primary key,
    seq integer not null,
    mac blob not null,
    seal blob not null) without rowid;
create table if not exists roster(
    one integer primary key check (one = 1),
    turn integer not null,
    writers integer not null,
    link blob not null,
    pauses integer not null default 0);
create table if not exists limits(
    key text primary key,
    tat integer not null) without rowid;
create table if not exists approvals(
    n integer primary key,
    id text not null unique,
    caller text not null,
    upstream text not null,
    target text not null,
    digest text not null,
    pin text not null,
    tier text,
    state text not null,
    created real not null,
    expires real not null,
    decided_by text not null,
    sealed blob,
    result blob,
    credential text not null default '',
    session text not null default '',
    why text not null default 'tier',
    channel text not null default '',
    sends text not null default '',
    edited blob,
    about blob);
create unique index if not exists one_pending on approvals(caller, digest) where state = 'pending';
create index if not exists by_digest on approvals(caller, digest, n);
create table if not exists assigned(
    upstream text not null,
    tool text not null,
    pin text not null,
    tier text not null,
    approver text not null,
    primary key (upstream, tool, pin)) without rowid;
create table if not exists attempts(
    name text primary key,
    failures integer not null,
    until real not null) without rowid;
create table if not exists grants(
    id text primary key,
    caller text not null,
    upstream text not null,
    target text not null,
    expires real not null,
    sealed blob not null,
    used integer not null default 0,
    revoked text not null default '') without rowid;
create index if not exists granted on grants(caller, upstream, target);
create table if not exists pauses(
    id text primary key,
    upstream text not null,
    caller text not null,
    tool text not null,
    by text not null,
    at real not null) without rowid;
create table if not exists inverses(
    n integer primary key,
    call text not null unique,
    session text not null,
    caller text not null,
    undoes text not null,
    upstream text not null,
    target text not null,
    at real not null,
    until real not null,
    state text not null,
    sealed blob not null);
create index if not exists by_session on inverses(session, n);
create table if not exists aliases(
    namespace text not null,
    token text not null,
    upstream text not null,
    sealed blob not null,
    expires real not null,
    primary key (namespace, token, upstream)) without rowid;
create index if not exists aliases_by_expiry on aliases(expires);
"""

# From version 1 to 2: what the tables above have more.
UPGRADE: Final = (
    "alter table roster add column pauses integer not null default 0",
    "alter table approvals add column credential text not null default ''",
    "alter table approvals add column session text not null default ''",
    "alter table approvals add column why text not null default 'tier'",
    "alter table approvals add column channel text not null default ''",
    "alter table approvals add column sends text not null default ''",
    "alter table approvals add column edited blob",
    "alter table approvals add column about blob",
)

INSERT_RECORD: Final = "insert into records(writer, seq, turn, body, mac, salt) values (?, ?, ?, ?, ?, ?)"
KEEP_HEAD: Final = "insert or replace into heads(writer, seq, mac, seal) values (?, ?, ?, ?)"
READ_ROSTER: Final = "select turn, writers, link, pauses from roster where one = 1"
KEEP_ROSTER: Final = "update roster set turn = ?, writers = ?, link = ? where one = 1"
FIRST_ROSTER: Final = "insert or ignore into roster(one, turn, writers, link) values (1, ?, ?, ?)"
READ_TAT: Final = "select tat from limits where key = ?"
KEEP_TAT: Final = "insert or replace into limits(key, tat) values (?, ?)"
