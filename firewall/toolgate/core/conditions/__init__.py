"""Conditions on arguments: small typed matchers, not a programming language."""

from toolgate.core.conditions.argument import ArgumentCondition, together
from toolgate.core.conditions.hosts import cidr, domain
from toolgate.core.conditions.paths import argv, path
from toolgate.core.conditions.urls import url
from toolgate.core.conditions.values import (
    Matcher,
    among,
    between,
    each,
    equals,
    glob,
    max_length,
    not_among,
    prefix,
    regex,
    some,
    suffix,
)

__all__ = [
    "ArgumentCondition",
    "Matcher",
    "among",
    "argv",
    "between",
    "cidr",
    "domain",
    "each",
    "equals",
    "glob",
    "max_length",
    "not_among",
    "path",
    "prefix",
    "regex",
    "some",
    "suffix",
    "together",
    "url",
]
