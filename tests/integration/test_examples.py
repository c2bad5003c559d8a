"""Every example runs as its page says."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from household import TOOLGATE, plain, run, up
from programs import free_port, healthy, listens, running, wait_for
from toolgate.settings import Remote, load
from toolgate_clients.answers import ask
from toolgate_clients.connection import Place, connected

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PRICES = "# Prices\n\nThe price of a licence is 49 EUR.\n"


def copied(name: str, to: Path) -> Path:
    """The example in a folder where it may leave things."""
    return Path(shutil.copytree(EXAMPLES / name, to / name, ignore=shutil.ignore_patterns("__pycache__")))


def shell(page: Path) -> str:
    """The commands of an example's page."""
    found = re.search(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def test_every_example_has_a_page_in_the_list() -> None:
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    folders = [path for path in EXAMPLES.iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert folders
    for folder in folders:
        assert f"({folder.name}/README.md)" in listed
        assert (folder / "README.md").is_file()


def test_the_policies_of_the_examples_are_sound_and_tested() -> None:
    for policy in EXAMPLES.glob("*/policy.yaml"):
        assert run("check", "--strict", str(policy)).returncode == 0
        assert run("test", str(policy)).returncode == 0


def test_the_wrapped_server_does_what_its_page_says(tmp_path: Path) -> None:
    folder = copied("wrap-stdio-server", tmp_path)
    done = subprocess.run(
        ["sh", "-c", shell(folder / "README.md")],
        cwd=folder,
        env=plain(),
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    assert "added" in done.stdout
    assert "Ask <EMAIL_ADDRESS>" in done.stdout
    assert "ann@example.com" not in done.stdout
    assert "approvals approve ap-" in done.stderr
    assert done.stdout.count("hold  approval-needed") == 1
    assert json.loads((folder / "notes.json").read_text()) == ["Ask ann@example.com"]


async def test_a_client_that_reads_the_configuration_gets_the_notes(tmp_path: Path) -> None:
    folder = copied("wrap-stdio-server", tmp_path)
    entry = json.loads((folder / "claude_desktop_config.json").read_text())["mcpServers"]["notes"]
    words = shlex.join([entry["command"], *entry["args"]])
    where = f"cd {shlex.quote(str(folder))} && PATH={shlex.quote(plain()['PATH'])} exec {words}"
    async with connected(Place(command=("sh", "-c", where))) as client:
        refused = await ask(client, "add_note", {"text": "4111 1111 1111 1111"})
        allowed = await ask(client, "list_notes", {})
    assert refused.reason == "sensitive-arguments"
    assert allowed.verdict == "allow"


def test_the_model_mails_a_customer_whose_address_it_never_sees(tmp_path: Path) -> None:
    folder = copied("customer-by-pseudonym", tmp_path)
    done = subprocess.run(
        ["sh", "-c", shell(folder / "README.md")],
        cwd=folder,
        env=plain(),
        capture_output=True,
        text=True,
        timeout=55,
        check=True,
    )
    address = "purchasing@acme.example.com"
    assert address not in done.stdout + done.stderr
    assert len(re.findall(r"<email-\w{10}>", done.stdout)) >= 4
    assert "refuse  pseudonym-unknown" in done.stdout
    with sqlite3.connect(folder / "outbox.db") as outbox:
        kept = "\n".join(outbox.iterdump())
    assert kept.count(address) >= 1
    assert "<email-" not in kept
    for left in ("toolgate.db", "toolgate.db-wal"):
        assert not (folder / left).exists() or address.encode() not in (folder / left).read_bytes()


def test_the_agent_is_told_that_its_mail_waits(tmp_path: Path) -> None:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "prices.md").write_text(PRICES)
    with up(tmp_path / "home", "--folder", str(documents)) as found:
        done = subprocess.run(
            [sys.executable, str(EXAMPLES / "agent-over-http" / "agent.py")],
            env=plain({"TOOLGATE_URL": found.said["url"], "TOOLGATE_KEY": found.said["key"]}),
            capture_output=True,
            text=True,
            timeout=50,
            check=True,
        )
        verdicts = [found.line()["verdict"] for _ in range(3)]
    assert verdicts == ["allow", "allow", "hold"]
    assert "49 EUR" in done.stdout
    assert "588" in done.stdout
    assert "toolgate approvals approve ap-" in done.stdout.splitlines()[-1]


async def test_the_sidecar_serves_with_its_settings_and_policy(tmp_path: Path) -> None:
    folder = copied("sidecar", tmp_path)
    tools, front = free_port(), free_port()
    written = (folder / "toolgate.yaml").read_text()
    here = written.replace("0.0.0.0:8717", f"127.0.0.1:{front}").replace(
        "toolgate:8717", f"127.0.0.1:{front}"
    )
    (folder / "toolgate.yaml").write_text(here.replace("compute:8801", f"127.0.0.1:{tools}"))
    settings = ["--settings", str(folder / "toolgate.yaml")]
    made = run("keys", "add", "agent", "--role", "agent", "--json", *settings)
    assert made.returncode == 0
    server = [sys.executable, "-m", "toolgate_servers.compute", "--http", f"127.0.0.1:{tools}"]
    firewall = [str(TOOLGATE), "serve", *settings]
    log = tmp_path / "firewall.log"
    with running(server, tmp_path / "server.log"), running(firewall, log) as process:
        wait_for(process, log, lambda: healthy(front) and listens(tools))
        async with connected(
            Place(f"http://127.0.0.1:{front}/mcp", json.loads(made.stdout)["token"])
        ) as client:
            got = await ask(client, "compute__calculate", {"expression": "1 + 1"})
    assert got.values["result"] == 2
    assert {path.name for path in (folder / "state").iterdir()} >= {"keys.yaml", "master.key", "toolgate.db"}


def test_the_agents_container_reaches_no_tool_but_through_toolgate() -> None:
    compose: dict[str, Any] = yaml.safe_load((EXAMPLES / "sidecar" / "docker-compose.yaml").read_text())
    networks = {name: set(service["networks"]) for name, service in compose["services"].items()}
    assert not networks["agent"] & networks["compute"]
    assert networks["agent"] & networks["toolgate"]
    assert networks["toolgate"] & networks["compute"]
    assert all(compose["networks"][name]["internal"] for name in networks["agent"])
    assert not any("state" in str(mount) for mount in compose["services"]["agent"].get("volumes", []))
    settings = load(EXAMPLES / "sidecar" / "toolgate.yaml")
    upstream = settings.upstreams["compute"]
    assert isinstance(upstream, Remote)
    assert upstream.url == "http://compute:8801/mcp"
    assert compose["services"]["agent"]["environment"]["TOOLGATE_URL"] == f"{settings.public_url}/mcp"
    assert compose["services"]["toolgate"]["command"][0] == "serve"


def test_the_unit_starts_toolgate_under_an_account_of_its_own() -> None:
    unit = configparser.RawConfigParser(strict=True)
    unit.read_string((EXAMPLES / "sidecar" / "toolgate.service").read_text())
    service = unit["Service"]
    assert service["User"] == "toolgate"
    program, *words = shlex.split(service["ExecStart"])
    assert Path(program).is_absolute()
    assert words == ["serve", "--settings", "/var/lib/toolgate/toolgate.yaml"]
    assert service["StateDirectoryMode"] == "0700"
