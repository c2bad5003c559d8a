"""Conditions on hosts, addresses, URLs, paths and commands: what can be read in two ways is refused."""

from __future__ import annotations

from typing import Any

import pytest

from toolgate.core import conditions as c


@pytest.mark.parametrize(
    "value",
    [
        "example.com",
        "EXAMPLE.com",
        "bob@example.com",
        "bob.o'neil+tag@example.com",
        "a.b.sub.example.org",
        "bob@sub.example.org",
        "bücher.example",
        "xn--bcher-kva.example",
        "bob@BÜCHER.example",
    ],
)
def test_a_listed_host_or_an_address_at_it_fits(value: str) -> None:
    assert c.domain(["example.com", "*.example.org", "bücher.example"])(value, "to") is None


@pytest.mark.parametrize(
    "value",
    [
        "evil.example",
        "example.org",
        "notexample.org",
        "sub.example.com",
        "example.com.evil.example",
        "example.com.",
        ".example.com",
        "",
        "@example.com",
        "a@b@example.com",
        '"a@evil.example"@example.com',
        "Bob <bob@example.com>",
        "<bob@example.com>",
        "bob@example.com, eve@evil.example",
        "bob@example.com;eve@evil.example",
        "bob(comment)@example.com",
        "bob@(evil.example)example.com",
        "@evil.example:bob@example.com",
        "evil.example!bob@example.com",
        "bob%evil.example@example.com",
        "bob@example.com\neve@evil.example",
        "bob@example.com\x00",
        " bob@example.com",
        "bob..x@example.com",
        "bob@[10.0.0.1]",
        "mailto:bob@example.com",
        "https://example.com",
        "example.com:25",
        "ｅｘａｍｐｌｅ.com",
        "example。com",
        "faß.example",
        "\u212aelvin.example",
        "a\u200db.example",
        "-a.example.org",
        "a" * 64 + ".example.org",
        "ü" * 64 + ".example.org",
        ["example.com"],
        None,
    ],
)
def test_everything_else_is_refused(value: Any) -> None:
    matcher = c.domain(["example.com", "*.example.org", "fass.example", "kelvin.example", "ab.example"])
    assert matcher(value, "to") is not None


@pytest.mark.parametrize("host", ["", "*", "a b", "*.*.com", "bob@example.com", "ß.example"])
def test_what_is_no_host_cannot_be_listed(host: str) -> None:
    with pytest.raises(ValueError, match="host"):
        c.domain([host])


@pytest.mark.parametrize(
    ("value", "inside"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("fd00::1", True),
        ("11.0.0.1", False),
        ("fd00::1%eth0", False),
        ("010.1.2.3", False),
        ("167837955", False),
        ("10.1.2.3/32", False),
        (167837955, False),
    ],
)
def test_an_address_must_lie_in_a_network(value: Any, inside: bool) -> None:
    assert (c.cidr(["10.0.0.0/8", "fd00::/8"])(value, "ip") is None) is inside


def test_a_network_with_host_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="networks"):
        c.cidr(["10.0.0.1/8"])


@pytest.mark.parametrize(
    "value",
    [
        "https://api.example.com",
        "https://api.example.com/",
        "HTTPS://API.example.com/v1/x?q=1#f",
        "https://api.example.com:443/v1",
        "https://api.example.com:8443/v1",
        "https://api.example.com?q=@",
    ],
)
def test_a_plain_url_at_a_listed_host_fits(value: str) -> None:
    assert c.url(["https"], ["*.example.com"], [8443])(value, "url") is None


@pytest.mark.parametrize(
    "value",
    [
        "http://api.example.com/",
        "https://example.com/",
        "https://api.example.com:8080/",
        "https://api.example.com@evil.example/",
        "https://user:pass@api.example.com/",
        "https://evil.example\\@api.example.com/",
        "https://evil.example\\.api.example.com/",
        "https://evil.example#.api.example.com/",
        "https://evil%2eexample/.api.example.com",
        "https:/api.example.com/",
        "https:api.example.com",
        "//api.example.com/",
        " https://api.example.com/",
        "https://api.example.com/a b",
        "https://api.example.com/\r\nHost: evil.example",
        "https://api.exa\tmple.com/",
        "https://[::1]/",
        "https://api.example.com:/",
        "https://api.example.com./",
        "javascript://api.example.com/%0aalert(1)",
        "",
        7,
    ],
)
def test_a_url_that_programs_read_differently_is_refused(value: Any) -> None:
    assert c.url(["https"], ["*.example.com"], [8443])(value, "url") is not None


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("https://a.example/v1/x", True),
        ("https://anything.example/v1/", True),
        ("https://a.example/v2/x", False),
        ("https://a.example", False),
        ("https://a.example/v1/../admin", False),
        ("https://a.example/v1/%2e%2e/admin", False),
    ],
)
def test_paths_of_a_url_are_globs_without_dots(value: str, fits: bool) -> None:
    assert (c.url(["https"], None, None, ["/v1/*"])(value, "url") is None) is fits


@pytest.mark.parametrize(
    ("value", "inside"),
    [
        ("/srv/docs", True),
        ("/srv/docs/a/b.md", True),
        ("/srv//docs/./a", True),
        ("/srv/docs2", False),
        ("/srv/docs/../secret", False),
        ("srv/docs/a", False),
        ("notes/a", True),
        ("./notes/a", True),
        ("notes/../../a", False),
        ("~/notes", False),
        ("/srv/docs\\..\\x", False),
        ("/srv/docs/a\x00.md", False),
        ("file:///srv/docs/a", False),
        ("C:/srv/docs", False),
        ("", False),
        (["/srv/docs"], False),
    ],
)
def test_a_path_stays_inside_its_folder_by_its_text(value: Any, inside: bool) -> None:
    assert (c.path(["/srv/docs", "notes"])(value, "path") is None) is inside


@pytest.mark.parametrize("root", ["", "../x", "~", "a\\b"])
def test_what_is_no_plain_folder_cannot_be_listed(root: str) -> None:
    with pytest.raises(ValueError, match="folders"):
        c.path([root])


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        (["ls"], True),
        (["git", "log", "-1"], True),
        (["rm", "-rf"], False),
        (["/bin/ls"], False),
        (["ls", 7], False),
        (["ls", "a\x00b"], False),
        ([["ls"]], False),
        ([], False),
        ("ls", False),
    ],
)
def test_a_command_is_a_list_that_begins_with_a_listed_program(value: Any, fits: bool) -> None:
    assert (c.argv(["ls", "git"])(value, "argv") is None) is fits
