"""Where a URL must not lead, each way there by its name; every case ends before a connection is opened."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import httpcore2
import pytest

from toolgate_servers.errors import Reason, Refused
from toolgate_servers.net import Net, Reach, Resolve

PUBLIC = "93.184.215.14"


class Wire(httpcore2.NetworkBackend):
    """Answers every connection with the same bytes, and keeps where connections went."""

    def __init__(self, *answers: str) -> None:
        self.connected: list[str] = []
        self.sent: list[bytes] = []
        self._answers = list(answers) or ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"]

    def connect_tcp(self, host: str, port: int, *_args: Any, **_options: Any) -> httpcore2.NetworkStream:
        self.connected.append(f"{host}:{port}")
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return WireStream(self, answer.encode())


class WireStream(httpcore2.MockStream):
    """One connection of the wire."""

    def __init__(self, wire: Wire, answer: bytes) -> None:
        super().__init__([answer])
        self._wire = wire

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._wire.sent.append(buffer)


def resolving(*addresses: str) -> Resolve:
    """Resolve every name to these."""
    return lambda _host, _port: addresses


def net(wire: Wire, *addresses: str, **reach: Any) -> Net:
    return Net(Reach(**reach), resolve=resolving(*(addresses or (PUBLIC,))), backend=wire)


def refused(client: Net, url: str, method: str = "GET") -> Reason:
    with pytest.raises(Refused) as caught:
        client.fetch(method, url)
    return caught.value.reason


FORBIDDEN, NOT_VALID = Reason.ADDRESS_FORBIDDEN, Reason.URL_NOT_VALID

URLS = {
    "loopback": ("http://127.0.0.1/", FORBIDDEN),
    "all of the loopback network": ("http://127.8.9.10/", FORBIDDEN),
    "any address": ("http://0.0.0.0/", FORBIDDEN),
    "zero network": ("http://0.1.2.3/", FORBIDDEN),
    "private 10": ("http://10.0.0.1/", FORBIDDEN),
    "private 172": ("http://172.16.0.1/", FORBIDDEN),
    "private 192": ("http://192.168.1.1/", FORBIDDEN),
    "carrier grade nat": ("http://100.64.0.1/", FORBIDDEN),
    "metadata": ("http://169.254.169.254/latest/meta-data/", FORBIDDEN),
    "metadata of a container": ("http://169.254.170.2/", FORBIDDEN),
    "metadata of azure": ("http://168.63.129.16/", FORBIDDEN),
    "metadata of alibaba": ("http://100.100.100.200/", FORBIDDEN),
    "metadata of oracle": ("http://192.0.0.192/", FORBIDDEN),
    "metadata over ipv6": ("http://[fd00:ec2::254]/", FORBIDDEN),
    "multicast": ("http://224.0.0.1/", FORBIDDEN),
    "multicast that is global": ("http://233.252.0.1/", FORBIDDEN),
    "broadcast": ("http://255.255.255.255/", FORBIDDEN),
    "reserved": ("http://240.0.0.1/", FORBIDDEN),
    "documentation": ("http://192.0.2.1/", FORBIDDEN),
    "benchmarking": ("http://198.18.0.1/", FORBIDDEN),
    "documentation of IPv6": ("http://[3fff::1]/", FORBIDDEN),
    "6to4 relay": ("http://192.88.99.1/", FORBIDDEN),
    "octal": ("http://0177.0.0.1/", FORBIDDEN),
    "hexadecimal": ("http://0x7f.0.0.1/", FORBIDDEN),
    "hexadecimal in one": ("http://0x7f000001/", FORBIDDEN),
    "one integer": ("http://2130706433/", FORBIDDEN),
    "two numbers": ("http://127.1/", FORBIDDEN),
    "three numbers": ("http://127.0.1/", FORBIDDEN),
    "one zero": ("http://0/", FORBIDDEN),
    "integer beyond 32 bits": ("http://4294967297/", FORBIDDEN),
    "leading zeros of a public address": ("http://093.184.215.014/", FORBIDDEN),
    "number with a final dot": ("http://2130706433./", FORBIDDEN),
    "loopback with a final dot": ("http://127.0.0.1./", FORBIDDEN),
    "ipv6 loopback": ("http://[::1]/", FORBIDDEN),
    "ipv6 any": ("http://[::]/", FORBIDDEN),
    "ipv6 link-local": ("http://[fe80::1]/", FORBIDDEN),
    "ipv6 site-local": ("http://[fec0::1]/", FORBIDDEN),
    "ipv6 unique local": ("http://[fc00::1]/", FORBIDDEN),
    "ipv6 multicast": ("http://[ff02::1]/", FORBIDDEN),
    "ipv6 multicast that is global": ("http://[ff0e::1]/", FORBIDDEN),
    "ipv4 mapped": ("http://[::ffff:127.0.0.1]/", FORBIDDEN),
    "ipv4 mapped in hexadecimal": ("http://[::ffff:7f00:1]/", FORBIDDEN),
    "ipv4 mapped metadata": ("http://[::ffff:169.254.169.254]/", FORBIDDEN),
    "ipv4 compatible": ("http://[::127.0.0.1]/", FORBIDDEN),
    "ipv4 translated": ("http://[::ffff:0:127.0.0.1]/", FORBIDDEN),
    "nat64": ("http://[64:ff9b::7f00:1]/", FORBIDDEN),
    "nat64 metadata": ("http://[64:ff9b::169.254.169.254]/", FORBIDDEN),
    "nat64 of a public address": ("http://[64:ff9b::808:808]/", FORBIDDEN),
    "nat64 of a network's own": ("http://[64:ff9b:1::7f00:1]/", FORBIDDEN),
    "6to4": ("http://[2002:7f00:1::]/", FORBIDDEN),
    "teredo": ("http://[2001:0:7f00:1::]/", FORBIDDEN),
    "isatap": ("http://[2606:4700::5efe:7f00:1]/", FORBIDDEN),
    "isatap, universal": ("http://[2606:4700::200:5efe:7f00:1]/", FORBIDDEN),
    "ipv6 zone": ("http://[fe80::1%25eth0]/", NOT_VALID),
    "user name": ("http://example.com@127.0.0.1/", NOT_VALID),
    "user name and password": ("http://a:b@example.com/", NOT_VALID),
    "escaped user name": ("http://example.com%40127.0.0.1/", NOT_VALID),
    "escaped host": ("http://%31%32%37.0.0.1/", NOT_VALID),
    "backslash": ("http://example.com\\@127.0.0.1/", NOT_VALID),
    "blank": ("http://example.com /", NOT_VALID),
    "line end": ("http://example.com/\r\nHost: localhost", NOT_VALID),
    "tab in the host": ("http://127.0.0\t.1/", NOT_VALID),
    "nul": ("http://example.com/\x00", NOT_VALID),
    "digits of another script": ("http://①②⑦.⓪.⓪.①/", NOT_VALID),
    "dots of another script": ("http://127。0。0。1/", NOT_VALID),
    "file": ("file:///etc/passwd", NOT_VALID),
    "gopher": ("gopher://127.0.0.1:6379/_FLUSHALL", NOT_VALID),
    "ftp": ("ftp://example.com/", NOT_VALID),
    "data": ("data:text/plain,hi", NOT_VALID),
    "no scheme": ("//127.0.0.1/", NOT_VALID),
    "no host": ("http:///etc/passwd", NOT_VALID),
    "empty brackets": ("http://[]/", NOT_VALID),
    "name in brackets": ("http://[localhost]/", NOT_VALID),
    "two ports": ("http://example.com:80:81/", NOT_VALID),
    "a port that is none": ("http://example.com:99999/", NOT_VALID),
    "a port of another service": ("http://example.com:6379/", Reason.HOST_NOT_ALLOWED),
    "a mail server": ("http://example.com:25/", Reason.HOST_NOT_ALLOWED),
}


@pytest.mark.parametrize(("url", "reason"), URLS.values(), ids=URLS.keys())
def test_a_url_that_leads_elsewhere_is_refused_before_connecting(url: str, reason: Reason) -> None:
    wire = Wire()
    assert refused(net(wire), url) is reason
    assert wire.connected == []


NAMES = {
    "localhost": ("localhost", ["127.0.0.1"]),
    "a public name with a private address": ("internal.example.com", ["10.0.0.7"]),
    "a public address beside a private one": ("both.example.com", [PUBLIC, "10.0.0.7"]),
    "a private address beside a public one": ("both.example.com", ["::1", PUBLIC]),
    "wildcard dns": ("169.254.169.254.nip.io", ["169.254.169.254"]),
    "a mapped address in the answer": ("mapped.example.com", ["::ffff:127.0.0.1"]),
    "nat64 in the answer": ("nat64.example.com", ["64:ff9b::a9fe:a9fe"]),
    "a zone in the answer": ("zone.example.com", ["fe80::1%eth0"]),
}


@pytest.mark.parametrize(("host", "addresses"), NAMES.values(), ids=NAMES.keys())
def test_a_name_that_resolves_elsewhere_is_refused_before_connecting(host: str, addresses: list[str]) -> None:
    wire = Wire()
    assert refused(net(wire, *addresses), f"http://{host}/") is FORBIDDEN
    assert wire.connected == []


def test_a_name_that_changes_its_address_is_connected_to_the_one_that_was_checked() -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    wire = Wire()
    client = Net(Reach(), resolve=lambda _host, _port: next(answers), backend=wire)
    assert client.fetch("GET", "http://rebinding.example.com/").status == 200
    assert wire.connected == [f"{PUBLIC}:80"]
    assert refused(client, "http://rebinding.example.com/") is FORBIDDEN
    assert wire.connected == [f"{PUBLIC}:80"]


LOCATIONS = {
    "to loopback": ("http://127.0.0.1/", FORBIDDEN),
    "to metadata": ("http://169.254.169.254/", FORBIDDEN),
    "to nat64": ("http://[64:ff9b::a00:1]/", FORBIDDEN),
    "to an integer": ("http://2130706433/", FORBIDDEN),
    "without a scheme": ("//10.0.0.1/", FORBIDDEN),
    "to a file": ("file:///etc/passwd", NOT_VALID),
    "with a user name": ("http://example.com@10.0.0.1/", NOT_VALID),
    "to itself for ever": ("/again", Reason.TOO_MANY_REDIRECTS),
    "to another port": ("http://example.com:22/", Reason.HOST_NOT_ALLOWED),
}


@pytest.mark.parametrize(("location", "reason"), LOCATIONS.values(), ids=LOCATIONS.keys())
def test_a_redirect_is_checked_like_a_url(location: str, reason: Reason) -> None:
    wire = Wire(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
    assert refused(net(wire), "http://example.com/") is reason
    assert set(wire.connected) == {f"{PUBLIC}:80"}


def test_a_redirect_to_a_host_that_is_not_allowed_is_refused() -> None:
    wire = Wire("HTTP/1.1 307 Moved\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n")
    client = net(wire, hosts=("example.com",))
    assert refused(client, "http://example.com/") is Reason.HOST_NOT_ALLOWED


def test_a_redirect_to_another_host_takes_no_credentials_along() -> None:
    wire = Wire(
        "HTTP/1.1 302 Found\r\nLocation: http://other.example/\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    )
    headers = {
        "Authorization": "Bearer hunter2",
        "X-Api-Key": "hunter2",
        "Cookie": "hunter2",
        "Accept": "text/*",
    }
    answer = net(wire).fetch("GET", "http://example.com/", headers=headers)
    assert answer.url == "http://other.example/"
    first, second = b"".join(wire.sent).split(b"GET / HTTP/1.1")[1:]
    assert first.count(b"hunter2") == 3
    assert b"hunter2" not in second
    assert b"text/*" in second


def test_a_write_does_not_follow_redirects() -> None:
    wire = Wire("HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n")
    assert net(wire).fetch("POST", "http://example.com/", json={}).status == 307
    assert len(wire.connected) == 1


def hosts_like(*patterns: str) -> dict[str, Any]:
    return {"hosts": patterns}


@pytest.mark.parametrize(
    "host",
    ["evil.example", "example.com.evil.example", "evilexample.com", "sub.example.com", "xample.com", PUBLIC],
)
def test_a_host_that_only_looks_like_an_allowed_one_is_refused(host: str) -> None:
    assert refused(net(Wire(), **hosts_like("example.com")), f"http://{host}/") is Reason.HOST_NOT_ALLOWED


@pytest.mark.parametrize("host", ["example.com", "evilexample.com", "a.example.com.evil.example"])
def test_a_wildcard_means_the_names_below(host: str) -> None:
    assert refused(net(Wire(), **hosts_like("*.example.com")), f"http://{host}/") is Reason.HOST_NOT_ALLOWED
    assert net(Wire(), **hosts_like("*.example.com")).fetch("GET", "http://A.example.com./").status == 200


def test_only_the_allowed_private_address_is_reached() -> None:
    wire = Wire()
    client = net(wire, "10.1.2.3", private=("10.1.2.3/32",))
    assert client.fetch("GET", "http://service.example.com/").status == 200
    assert refused(client, "http://10.1.2.4/") is FORBIDDEN
    assert wire.connected == ["10.1.2.3:80"]


def service(url: str, wire: Wire, *addresses: str) -> Net:
    return Net.for_service(url, resolve=resolving(*addresses), backend=wire)


def test_a_configured_service_is_reached_where_it_is_and_nowhere_else() -> None:
    wire = Wire()
    client = service("http://search.internal:8080/", wire, "127.0.0.1")
    assert client.fetch("GET", "http://search.internal:8080/search").status == 200
    for url in ("http://search.internal/", "http://search.internal:8081/", "http://127.0.0.1:8080/"):
        assert refused(client, url) is Reason.HOST_NOT_ALLOWED
    assert wire.connected == ["127.0.0.1:8080"]


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "0.0.0.0", "224.0.0.1", "fe80::1"])
def test_not_even_a_configured_service_may_be_where_credentials_are(address: str) -> None:
    client = service("http://search.internal:8080/", Wire(), address)
    assert refused(client, "http://search.internal:8080/") is FORBIDDEN


def test_the_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:3128")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:3128")
    wire = Wire()
    assert net(wire).fetch("GET", "http://example.com/").status == 200
    assert wire.connected == [f"{PUBLIC}:80"]


@pytest.mark.parametrize("value", ["a\r\nHost: localhost", "a\nb", "a\x00b"])
def test_a_header_cannot_bring_another_one(value: str) -> None:
    with pytest.raises(Refused) as caught:
        net(Wire()).fetch("GET", "http://example.com/", headers={"X-Note": value})
    assert caught.value.reason is Reason.CONTROL_CHARACTER


def test_an_answer_is_cut_off_where_it_becomes_too_long() -> None:
    wire = Wire("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + "x" * 100)
    with pytest.raises(Refused) as caught:
        net(wire).fetch("GET", "http://example.com/", max_bytes=99)
    assert caught.value.reason is Reason.TOO_LARGE


def test_a_compressed_answer_cannot_unfold() -> None:
    wire = Wire("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi")
    assert refused(net(wire), "http://example.com/") is Reason.BAD_ANSWER


def test_content_of_another_type_is_refused_and_an_error_is_an_answer() -> None:
    page = Wire("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi")
    with pytest.raises(Refused) as caught:
        net(page).fetch("GET", "http://example.com/", content_types=("application/json",))
    assert caught.value.reason is Reason.BAD_ANSWER
    assert net(page).fetch("GET", "http://example.com/", content_types=("text/*",)).text() == "hi"
    gone = Wire("HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n")
    assert net(gone).fetch("GET", "http://example.com/", content_types=("application/json",)).status == 404


def test_a_resolver_that_fails_is_a_host_without_address() -> None:
    def failing(_host: str, _port: int) -> Iterable[str]:
        raise OSError

    client = Net(Reach(), resolve=failing, backend=Wire())
    assert refused(client, "http://example.com/") is Reason.UNREACHABLE


def test_the_whole_time_is_limited() -> None:
    with pytest.raises(Refused) as caught:
        net(Wire()).fetch("GET", "http://example.com/", seconds=0)
    assert caught.value.reason is Reason.TIMED_OUT
