"""Credentials: token formats that their makers document, and values that a name says are secret."""

from __future__ import annotations

import re
from typing import Final

from toolgate.detect.rules import SEPARATOR, Rule, Span, Verify

_WORDY: Final = "[A-Za-z0-9_-]"

# Name, what the anchor looks for, what may follow it; as the makers document their formats.
_FORMATS: Final = (
    ("aws access key", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}", ""),
    ("github token", r"gh[pousr]_[A-Za-z0-9]{36}", "[A-Za-z0-9]*"),
    ("github fine-grained token", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{16}", "[A-Za-z0-9]*"),
    (
        "gitlab token",
        rf"gl(?:pat|dt|rt|ft|wt|ptt|rtr|oas|cbt|imt|soat|agent|ffct)-{_WORDY}{{20}}",
        r"[.A-Za-z0-9_-]*",
    ),
    ("slack token", r"xox[abeoprs]-[A-Za-z0-9-]{10}", "[A-Za-z0-9-]*"),
    ("slack app token", r"xapp-[0-9]-[A-Z0-9]{8}", "[A-Za-z0-9-]*"),
    ("slack webhook", r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9]{8}", "[A-Za-z0-9/+]*"),
    ("stripe key", r"[rs]k_(?:live|test|prod)_[A-Za-z0-9]{10}", "[A-Za-z0-9]*"),
    ("stripe webhook secret", r"whsec_[A-Za-z0-9+/]{24}", "[A-Za-z0-9+/=]*"),
    ("anthropic key", rf"sk-ant-[a-z]{{3,8}}[0-9]{{2}}-{_WORDY}{{20}}", f"{_WORDY}*"),
    ("openai key", rf"sk-(?:proj-|svcacct-|admin-)?{_WORDY}{{20}}", f"{_WORDY}*"),
    ("google key", rf"AIza{_WORDY}{{35}}", ""),
    ("google access token", rf"ya29\.{_WORDY}{{20}}", f"{_WORDY}*"),
    ("google client secret", rf"GOCSPX-{_WORDY}{{28}}", ""),
    ("npm token", r"npm_[A-Za-z0-9]{36}", ""),
    ("pypi token", rf"pypi-AgEIcHlwaS5vcmc{_WORDY}{{20}}", f"{_WORDY}*"),
    ("jwt", rf"eyJ{_WORDY}{{10}}", rf"{_WORDY}*\.eyJ{_WORDY}+(?:\.{_WORDY}*)*"),
    ("sendgrid key", rf"SG\.{_WORDY}{{22}}\.{_WORDY}{{43}}", ""),
    ("twilio key", r"SK[0-9a-f]{32}", ""),
    ("digitalocean token", r"do[opr]_v1_[a-f0-9]{64}", ""),
    ("hugging face token", r"hf_[A-Za-z]{34}", ""),
    ("docker token", rf"dckr_[op]at_{_WORDY}{{27}}", f"{_WORDY}*"),
    ("groq key", r"gsk_[A-Za-z0-9]{52}", ""),
    ("figma token", rf"fig[dru]_{_WORDY}{{40}}", ""),
    ("atlassian token", r"ATATT3[A-Za-z0-9_=-]{40}", "[A-Za-z0-9_=-]*"),
    ("shopify token", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}", ""),
    ("databricks token", r"dapi[a-f0-9]{32}", "(?:-[0-9])?"),
    ("vault token", rf"hv[sb]\.{_WORDY}{{24}}", f"{_WORDY}*"),
    ("azure storage key", r"AccountKey=[A-Za-z0-9+/]{86}==", ""),
    ("1password token", r"ops_eyJ[A-Za-z0-9+/_-]{40}", "[A-Za-z0-9+/=_-]*"),
    ("linear key", r"lin_api_[A-Za-z0-9]{40}", ""),
    ("postman key", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}", ""),
    ("square token", rf"sq0[a-z]{{3}}-{_WORDY}{{22}}", f"{_WORDY}*"),
    ("telegram token", rf"[0-9]{{8,10}}:AA{_WORDY}{{33}}", ""),
    ("hugging face organisation token", r"api_org_[A-Za-z]{34}", ""),
    ("notion token", r"ntn_[0-9]{11}[A-Za-z0-9]{35}", ""),
    ("sonar token", r"sq[upa]_[a-f0-9]{40}", ""),
    ("sourcegraph token", r"sgp_(?:[a-f0-9]{16}_|local_)?[a-f0-9]{40}", ""),
    ("planetscale token", rf"pscale_(?:tkn|oauth|pw)_{_WORDY}{{32}}", r"[.A-Za-z0-9_=-]*"),
    ("easypost key", r"EZ[AT]K[A-Za-z0-9]{54}", ""),
    ("openshift token", rf"sha256~{_WORDY}{{43}}", ""),
    ("azure client secret", r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31}", "[A-Za-z0-9_~.-]*"),
    ("bitbucket token", r"(?:BBDC-|ATBB|ATCTT3)[A-Za-z0-9+/@_=-]{28}", "[A-Za-z0-9+/@_=-]*"),
    ("doppler token", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_-]{40}", "[A-Za-z0-9_.-]*"),
    ("deno token", r"dd[pow]_[A-Za-z0-9]{36}", ""),
    ("digicert key", r"dnkey-[A-Z0-9]{26}-[A-Z0-9]{52}", ""),
    ("akamai credential", r"ak[a-z]{2}-[a-z0-9]{16}-[a-z0-9]{16}", ""),
    ("amazon mws key", r"amzn\.mws\.[a-z0-9]{8}-[a-z0-9-]{27}", ""),
    ("bedrock key", r"bedrock-api-key-[A-Za-z0-9+/=]{32}", "[A-Za-z0-9+/=]*"),
    ("clojars token", r"CLOJARS_[a-z0-9]{60}", ""),
    ("dropbox token", rf"sl\.{_WORDY}{{60}}", f"{_WORDY}*"),
    ("facebook token", r"EAA[MC][A-Za-z0-9]{90}", "[A-Za-z0-9]*"),
    ("age key", r"AGE-SECRET-KEY-1[0-9A-Z]{58}", ""),
)
_LONGEST_ANCHOR: Final = 140
# Looking further than this for the end of a token would make a text of nothing but prefixes quadratic.
_LONGEST: Final = 4096


def _token(anchor: str, tail: str) -> Verify:
    """A token that stands on its own. One made of a single kind of letter is a word, not a key."""
    exact = re.compile(rf"(?<![A-Za-z0-9])(?:{anchor}){tail}(?![A-Za-z0-9])")

    def verify(text: str, end: int) -> Span | None:
        stop = end + _LONGEST
        found = exact.search(text, max(0, end - _LONGEST_ANCHOR), stop)
        while found and found.end() < end:
            found = exact.search(text, found.end(), stop)
        if found is None or found.start() >= end:
            return None
        return found.span() if len(set(found.group())) > 9 else None

    return verify


# What follows the first line of a key whose last line is missing: headers, then lines of base64.
_ENCODED: Final = re.compile(
    r"(?:\s|\\[nr])*(?:[A-Za-z-]{4,12}: [^\n]{0,80}\s+)*"
    r"(?:[A-Za-z0-9+/]{16,}+(?:\s|\\[nr])*)*(?:[A-Za-z0-9+/]{0,15}==?)?"
)
_KEY_END: Final = re.compile(r"-----END [A-Z ]{0,40}-----")
_KEY_AT_MOST: Final = 32_768


def private_key(text: str, end: int) -> Span | None:
    """A PEM or PGP private key up to its last line; the anchor ends in its first."""
    start = text.rfind("-----BEGIN", max(0, end - 60), end)
    last = _KEY_END.search(text, end, end + _KEY_AT_MOST)
    if last:
        return start, last.end()
    head = text.find("-----", end)
    cut = _ENCODED.match(text, head + 5 if 0 <= head < end + 20 else end)
    return start, cut.end() if cut else end


_PASSWORD: Final = re.compile(r"[^\s/?#@\"'<>\x1e]{1,256}(?=@[\w.\[-])")


def url_password(text: str, end: int) -> Span | None:
    """The password in scheme://user:password@host; the anchor ends behind the colon."""
    found = _PASSWORD.match(text, end)
    if found is None or _placeholder(found.group()):
        return None
    return found.span()


_BEARER: Final = re.compile(r"[A-Za-z0-9._~+/-]{8,}=*")


def authorization(text: str, end: int) -> Span | None:
    """The credentials of an Authorization header; the anchor ends at their first character."""
    found = _BEARER.match(text, end - 1)
    if found is None or found.group().isalpha() or _placeholder(found.group()):
        return None
    return found.span()


_NAMES: Final = (
    r"passw(?:or)?d|passphrase|passcode|pass[_-]?key|pwd|secret|token|api[_-]?key|access[_-]?key"
    r"|(?:secret|private|auth|encryption|account|signing|master|shared)[_-]?key|credentials?"
)
_VALUE: Final = re.compile(
    r"[=>]?[ \t]{0,8}(?:(?P<quote>\\?[\"'`])(?P<quoted>(?:(?!(?P=quote)|\x1e|\n).){1,512}?)(?P=quote)"
    r"|(?P<bare>[^\s\"'`,;<>(){}\[\]\x1e\\]{6,200}))",
    re.DOTALL,
)
_PLACEHOLDER: Final = re.compile(
    r"""(?ix) (?: [x*.•_-]+ | <.*> | \[.*\] | \$\{.*\} | \{.*\} | %.*% | \$\(?\w+\)? | %[\w(].* | @\w+
    | null | none | nil | true | false | undefined | string | str | text | redacted | masked | hidden
    | required | optional | unknown | n/?a | change[_-]?(?:me|it)\w* | your[ _-].*
    | my[_-]?(?:password|secret|token)
    | (?:user|db|the)?[_-]?pass(?:word|wd|phrase)? | pwd | secret | (?:api|access|secret)?[_-]?(?:key|token)
    | (?:os\.|process\.|env[.\[(]|config[.\[]|self\.|this\.|settings\.|secrets?\.|args\.|data\.|var\.).*
    | example.* | dummy.* | sample.* | placeholder.* | insert.* | todo ) \Z"""
)
# Tokens that are handed out to be handed back: masking one breaks the next call.
_HARMLESS: Final = re.compile(
    r"(?i)(?:page|next|prev\w*|continu\w*|sync|resum\w*|progress|cursor|csrf|scroll)[_-]?\Z"
)
_PASSWORDLIKE: Final = re.compile(r"(?i)pass|pwd")


def _placeholder(value: str) -> bool:
    return _PLACEHOLDER.match(value) is not None


def _mixed(value: str) -> bool:
    """Whether a value has the look of something drawn at random: letters and digits, no call, no prose."""
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def _secret(value: str, name: str, bare: bool) -> bool:
    """Whether a value under such a name is a credential rather than a description of one."""
    if _placeholder(value) or value.count(" ") > 2:
        return False
    if bare:
        return len(value) >= 6 and (_mixed(value) or not value.replace(".", "").replace("_", "").isalnum())
    if _PASSWORDLIKE.search(name):
        return len(value) >= 4 and (" " not in value or _mixed(value))
    return len(value) >= 8 and " " not in value and _mixed(value)


def _name_before(text: str, end: int) -> str:
    """The name that the anchor ended behind, without quotes and the sign of assignment."""
    return text[max(0, end - 48) : end].rstrip("\"'`\\ \t:=]" + SEPARATOR).rpartition(SEPARATOR)[2][-40:]


_NAME: Final = re.compile(r"[\w.-]*\Z")


def _named(text: str, end: int) -> str:
    """The same, empty where the name says that the value is harmless."""
    found = _NAME.search(_name_before(text, end))
    name = found.group() if found else ""
    stem = re.sub(r"(?i)tokens?\d*\Z", "", name)
    return "" if stem != name and _HARMLESS.search(stem) else name


def assignment(text: str, end: int) -> Span | None:
    """The value in password = value, "api_key": "value" and the like; the anchor ends behind the sign."""
    found = _VALUE.match(text, end)
    name = _named(text, end)
    if found is None or not name:
        return None
    group = "bare" if found["bare"] else "quoted"
    value = found[group]
    if group == "bare" and value.endswith((".", ":")):
        value = value[:-1]
    if not _secret(value, name, group == "bare"):
        return None
    return found.start(group), found.start(group) + len(value)


def labelled(text: str, end: int) -> Span | None:
    """The whole text that a key names as secret; the anchor ends behind the key."""
    name = _named(text, end)
    stop = text.find(SEPARATOR, end)
    value = text[end : stop if stop >= 0 else len(text)]
    if not name or len(value) > 4096 or not _secret(value, name, bare=False):
        return None
    return end, end + len(value)


SECRETS: Final = (
    *(Rule(name, "SECRET", anchor, _token(anchor, tail)) for name, anchor, tail in _FORMATS),
    Rule("private key", "SECRET", r"-----BEGIN [A-Z ]{0,24}PRIVATE KEY", private_key),
    Rule("url password", "SECRET", r"://[^ /?#:@\x00-\x20\"'<>]{0,64}:", url_password, 0.9),
    Rule(
        "authorization",
        "SECRET",
        r"(?i)authorization[\"'\\]{0,2} ?[:=\x1e] ?[\"'\\]{0,2}(?:bearer|basic|token) [A-Za-z0-9]",
        authorization,
        0.9,
    ),
    Rule(
        "assignment",
        "SECRET",
        rf"(?i)(?:{_NAMES})s?[0-9]{{0,2}}[\"'`\\\]]{{0,3}}[ \t]{{0,3}}[:=]",
        assignment,
        0.8,
    ),
    Rule("label", "SECRET", rf"(?i)(?:{_NAMES})s?[0-9]{{0,2}}{SEPARATOR}", labelled, 0.8, labelled=True),
)
