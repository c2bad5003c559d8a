"""Pseudonyms through a real server of files: what is read, edited and written back keeps every byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from node_packages import PackagesMissing
from real_peers import give_up, peer, wrapped
from toolgate_clients.answers import ask
from toolgate_clients.connection import Place, connected

POLICY = """
version: 1
unlisted: refuse
tiers: {read: ["filesystem/*"]}
roles: {owner: {tools: ["*/*"]}}
redaction:
  upstreams: {filesystem: {results: {EMAIL_ADDRESS: pseudonym, PHONE_NUMBER: pseudonym, secrets: pseudonym}}}
"""
TEXT = (
    'To: jane@example.com, "O\'Neil\\n" <o@b.example>\r\n\ttel. +1 415 555 0132 é\u2028\n'
    'key = "hunter2-Hunter9x!"\n'
)


@pytest.mark.servers
async def test_a_file_read_edited_and_written_back_keeps_every_other_byte(tmp_path: Path) -> None:
    try:
        server = peer("filesystem", tmp_path)
    except PackagesMissing as missing:
        give_up(missing)
        raise
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "policy.yaml").write_text(POLICY)
    note = tmp_path / "files" / "note.txt"
    note.write_bytes(TEXT.encode())
    command = ("env", f"TOOLGATE_HOME={home}", *wrapped(server)[:2], "--role", "owner", *wrapped(server)[2:])
    async with connected(Place(command=command)) as client:
        read = await ask(client, "read_text_file", {"path": str(note)})
        assert read.verdict == "allow", read
        seen: str = read.values["content"]
        assert "jane@example.com" not in seen
        assert "415" not in seen
        written = await ask(client, "write_file", {"path": str(note), "content": f"{seen}P.S.\n"})
    assert written.verdict == "allow", written
    assert note.read_bytes() == f"{TEXT}P.S.\n".encode()
