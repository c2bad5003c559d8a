"""The command line of the servers: help, misuse, and what is refused before serving."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path

import pytest

from toolgate_servers.actions.__main__ import main as actions
from toolgate_servers.command_line import EXIT_MISUSE, host_and_port
from toolgate_servers.compute.__main__ import main as compute
from toolgate_servers.errors import Reason
from toolgate_servers.retrieval.__main__ import main as retrieval


@pytest.mark.parametrize("main", [compute, retrieval, actions])
def test_help_names_both_transports(
    main: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert "--stdio" in shown
    assert "--http" in shown


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8801", ("127.0.0.1", 8801)),
        ("localhost:1", ("localhost", 1)),
        ("[::1]:65535", ("::1", 65535)),
    ],
)
def test_an_address_to_listen_on_is_a_host_and_a_port(text: str, address: tuple[str, int]) -> None:
    assert host_and_port(text) == address


@pytest.mark.parametrize("text", ["", "8801", ":8801", "host:", "host:65536", "host:-1", "host:８", "host:x"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        host_and_port(text)


@pytest.mark.parametrize(
    ("main", "argv"),
    [
        (compute, ["--http", "nowhere"]),
        (compute, ["--stdio", "--http", "127.0.0.1:8801"]),
        (compute, ["--unknown"]),
        (compute, ["--check", "--stdio"]),
    ],
)
def test_misuse_is_exit_code_2(main: Callable[[list[str]], int], argv: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(argv)
    assert left.value.code == EXIT_MISUSE


def test_a_file_or_folder_that_does_not_work_is_exit_code_2_with_the_option_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("not a database" * 100)
    assert retrieval(["--folder", str(tmp_path / "nowhere")]) == EXIT_MISUSE
    assert "--folder" in capsys.readouterr().err
    assert retrieval(["--folder", str(tmp_path), "--index", str(notes)]) == EXIT_MISUSE
    assert "the index" in capsys.readouterr().err
    assert actions(["--outbox", str(notes)]) == EXIT_MISUSE
    assert "the outbox" in capsys.readouterr().err
    assert actions(["--outbox", str(tmp_path / "nowhere" / "outbox.db")]) == EXIT_MISUSE
    assert "the outbox" in capsys.readouterr().err


def test_without_a_folder_the_documents_of_the_data_folder_are_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("toolgate_servers.retrieval.__main__.DEFAULT_FOLDER", tmp_path / "a" / "documents")
    assert retrieval(["--check"]) == 0
    assert str(tmp_path / "a" / "documents") in capsys.readouterr().out
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("toolgate_servers.retrieval.__main__.DEFAULT_FOLDER", tmp_path / "file" / "documents")
    assert retrieval(["--check"]) == EXIT_MISUSE
    assert "--folder" in capsys.readouterr().err


def test_the_page_about_the_servers_names_every_reason() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "servers.md").read_text(encoding="utf-8")
    assert [reason for reason in Reason if f"`{reason}`" not in page] == []
