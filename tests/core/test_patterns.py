"""Names are matched by patterns in which nothing reaches further than it looks."""

from __future__ import annotations

import pytest

from toolgate.core.patterns import Glob, Pattern, Ranked, conflicts, has_dots, methods, names, uris


def one(text: str) -> Pattern:
    (pattern,) = names(text)
    return pattern


@pytest.mark.parametrize(
    ("glob", "value", "fits"),
    [
        ("search", "search", True),
        ("search", "searches", False),
        ("*", "", True),
        ("git_*", "git_log", True),
        ("git_*", "git", False),
        ("*_log", "git_log", True),
        ("*_log", "git_logs", False),
        ("a*a", "a", False),
        ("a*b*c", "a-b-c", True),
        ("a*b*c", "a-c", False),
        ("a*b*b", "ab", False),
    ],
)
def test_a_star_stands_for_any_run(glob: str, value: str, fits: bool) -> None:
    assert Glob(glob).matches(value) is fits


@pytest.mark.parametrize(
    ("left", "right", "meet"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("a*", "*b", True),
        ("a*", "b*", False),
        ("*", "", True),
        ("a*c", "ab*", True),
        ("*x*", "*y*", True),
        ("a", "a*", True),
        ("ab", "a", False),
    ],
)
def test_two_globs_overlap_when_one_text_fits_both(left: str, right: str, meet: bool) -> None:
    assert Glob(left).overlaps(Glob(right)) is meet
    assert Glob(right).overlaps(Glob(left)) is meet


def test_no_star_reaches_across_the_slash_between_upstream_and_name() -> None:
    assert not one("git*/log").matches("git", "a/log")
    assert one("git*/log").matches("github", "log")
    assert one("git/*").matches("git", "a/log")


def test_choices_are_several_patterns() -> None:
    assert [p.text for p in names("git/git_{log, diff}{,s}")] == [
        "git/git_log",
        "git/git_logs",
        "git/git_diff",
        "git/git_diffs",
    ]


@pytest.mark.parametrize("text", ["", "a/{b", "a/b}", "a/{b{c}}", "search", "/search", "git/", "git/**"])
def test_what_is_no_pattern_of_names_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="upstream/name"):
        names(text)


def test_a_small_text_cannot_unfold_into_thousands_of_patterns() -> None:
    with pytest.raises(ValueError, match="256 choices"):
        names("a/" + "{a,b}" * 9)


def test_exact_beats_the_longest_prefix_and_everything_comes_last() -> None:
    texts = ["*/*", "*/search", "git/*", "git/git_*", "git/git_log"]
    assert sorted(texts, key=lambda text: one(text).specificity) == texts


def test_the_most_specific_entry_wins_as_a_whole() -> None:
    ranked = Ranked[str].of((one(text), text) for text in ("*/*", "git/*", "git/git_*", "git/git_log"))
    assert ranked.find("git", "git_log") == "git/git_log"
    assert ranked.find("git", "git_diff") == "git/git_*"
    assert ranked.find("git", "status") == "git/*"
    assert ranked.find("crm", "status") == "*/*"
    assert Ranked[str].of([(one("git/*"), "git")]).find("crm", "status") is None
    assert ranked.plain(len)["git/*"] == len("git/*")


def test_equally_specific_patterns_that_meet_are_a_conflict() -> None:
    assert list(conflicts([one("git/*a*"), one("git/*b*"), one("git/c*")])) == [(0, 1)]
    assert list(conflicts([one("git/*_a"), one("git/*_b"), one("crm/*_a")])) == []


def test_a_pattern_covers_what_it_names_in_full() -> None:
    assert one("git/*").covers(one("git/git_*"))
    assert not one("git/git_*").covers(one("git/*"))
    assert one("git/*").overlaps(one("*/log"))
    assert not one("git/*").overlaps(one("crm/log"))


@pytest.mark.parametrize(
    ("pattern", "uri", "fits"),
    [
        ("docs/file:///public/*", "file:///public/a", True),
        ("docs/file:///public/*", "file:///public/a/b", False),
        ("docs/file:///public/**", "file:///public/a/b", True),
        ("docs/file:///public/**", "file:///publicly", False),
        ("docs/file:///public/**", "file:///public/../secret", False),
        ("docs/file:///public/**", "file:///public/%2e%2e/secret", False),
        ("docs/file:///public/**", "file:///public/%252e%252e%252fsecret", False),
        ("docs/file:///public/**", "file:///public/..\\secret", False),
        ("docs/file:///public/a.txt", "file:///public/a.txt", True),
        ("docs/file:///public/a.txt", "file:///public/abtxt", False),
        ("docs/*", "file:///anything/../at/all", True),
        ("docs/**", "file:///anything", True),
        ("docs/x+*", "x+1", True),
        ("docs/x+*", "xx1", False),
        ("docs/x*", "x\ud800", False),
    ],
)
def test_uris_are_matched_by_their_segments(pattern: str, uri: str, fits: bool) -> None:
    (found,) = uris(pattern)
    assert found.matches("docs", uri) is fits
    assert not found.matches("other", uri)


@pytest.mark.parametrize("text", ["docs", "d**/x", "/x", "docs/"])
def test_what_is_no_pattern_of_uris_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="upstream/URI"):
        uris(text)


def test_a_uri_that_never_stops_decoding_is_taken_for_a_traversal() -> None:
    assert has_dots("a%2525252525252e")
    assert not has_dots("a/b.c/%20")


def test_methods_are_named_alone_or_with_their_upstream() -> None:
    (everywhere,) = methods("tasks/*")
    (there,) = methods("crm/tasks/get")
    assert everywhere.matches("crm", "tasks/get")
    assert not everywhere.matches("crm", "logging/setLevel")
    assert there.matches("crm", "tasks/get")
    assert not there.matches("erp", "tasks/get")
