"""Values that something beside them calls secret: a name, a flag, a header, the keyword of a statement."""

from __future__ import annotations

import re
from typing import Final

from toolgate.detect.likeness import drawn, invented_short, mixed, placeholder
from toolgate.detect.rules import SEPARATOR, Rule, Span

NAME_WORDS: Final = (
    r"passw(?:or)?d|passphrase|passcode|pass[_-]?key|pwd|secret|token|api[_-]?key|access[_-]?key|creds?"
    r"|(?:secret|private|auth|encryption|account|signing|master|shared|consumer|license|licence|subscription"
    r"|client|app|application|webhook|service|storage|session|admin|deploy|integration|user|ssh|jwt)[_ -]?key"
    r"|credentials?|(?:user|api|client|basic|registry)[_-]?auth|_auth|login"
)
# What a key may be for that is no secret: its name ends in "key" all the same.
_OPEN_WORDS: Final = (
    "pub(?:lic)?|primary|foreign|sort|partition|cache|row|object|storage|translation|i18n|lookup|map|index|group"
    "|issue|project|routing|registry|kms|hash|range|natural|unique|host|known|idempotency|dedup[a-z]*|turn|hot|mon"
    "|don|short|cut|arrow|event|message|config|setting|label|name|field|column|item|state|data|query|search|filter"
    "|theme|locale|order|parent|child|alt|tab|enter|escape|shift|ctrl|control|meta|json|dict|s3|bucket|file|path"
    "|feature|flag|schema|table|record|entity|component|react|list|node|tree|metadata|public[_-]?key"
)
_OPEN: Final = re.compile(
    rf"(?i)(?:(?<![A-Za-z])|(?-i:(?<=[a-z])(?=[A-Z])))(?:{_OPEN_WORDS})[_-]?(?:key|token)s?\d*\Z"
    r"|publickeytoken\Z|(?:key|secret|token|credential)s?[_-]?(?:id|name|arn)\Z"
)
_VALUE: Final = re.compile(
    r"[=>:?|,!]{0,3}[)\]]?[ \t]{0,12}(?:\\?[\"'`]{1,3}[ \t]{0,4}(?:,[ \t]{0,4}(?=[\"'`])|=>?[ \t]{0,4}))?"
    r"(?:(?<=>)\s{1,24})?"
    r"(?:(?:&?(?:'[a-z]{1,8} )?(?:[Ss]tring|str|char|[Tt]ext)[?!]? ?=|<-) ?|[bruf]{0,2}(?=[\"'])|new )?"
    r"(?:(?P<quote>\\{0,3}(?:\"{3}|'{3}|[\"'`]))(?P<quoted>(?:(?!(?P=quote)|\x1e|\n).){1,512}?)(?P=quote)"
    r"|(?P<bare>[^\s\"'`,;<>(){}\[\]\x1e\\]{6,200}))",
    re.DOTALL,
)
# Tokens that are handed out to be handed back: masking one breaks the next call.
_HARMLESS: Final = re.compile(
    r"(?i)(?:page|next|prev\w*|continu\w*|sync|resum\w*|progress|cursor|csrf|scroll)[_-]?\Z"
)
_PASSWORDLIKE: Final = re.compile(r"(?i)pass|pwd")
_REFERENCE: Final = re.compile(
    r"""(?ix) [\w.-]+\(
    | [a-z_]++(?:\.[a-z_]++)+\Z | [a-z]{2,9}:// | arn:aws
    | &\w+; | \d{4}-\d\d-\d\d | v?\d+\.\d+\.\d+
    | \S+\.(?:com|org|net|io|py|js|json|ya?ml|txt|md|pem|crt|key|jar|html)\Z"""
)
_PATH: Final = re.compile(r"\.{0,2}/?[\w.-]*(?:/[\w.-]*)+\Z")
# What stands in a query behind the value.
_QUERY: Final = re.compile(r"&(?:amp;)?[\w.-]+=|&\Z")
_UUID: Final = re.compile(r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")


# Of these the makers say exactly how they look: what begins so and is none is an example, or cut short.
_FORMED: Final = re.compile(
    r"xox[a-z]-|gh[pousr]_|github_pat_|AKIA|ASIA|dapi|sk-ant-|AIza|glpat-|[rs]k_live_"
)


def _elsewhere(value: str) -> bool:
    """Whether a value says where something is or how to get it: a path, an address, an expression, a date."""
    if _REFERENCE.match(value):
        return True
    return _PATH.match(value) is not None and not any(drawn(part, 16, 3.2) for part in value.split("/"))


def _password(value: str, bare: bool) -> bool:
    """Whether a value under the name of a password is one: people choose them, not chance."""
    if placeholder(value) or value.count(" ") > 2 or value.startswith(("$", "%(", "{{", "<%")):
        return False
    if bare:
        return _bare_password(value)
    return len(value) >= 4 and (" " not in value or mixed(value)) and not _elsewhere(value)


def _bare_password(value: str) -> bool:
    if len(value) < 6 or _elsewhere(value) or value.startswith(("-", "--")):
        return False
    odd = not value.replace(".", "").replace("_", "").replace("-", "").isalnum()
    return mixed(value) or (odd and any(c.isalpha() for c in value) and not value.endswith((":", "?", "!")))


def secret(value: str, name: str, bare: bool) -> bool:
    """Whether a value under such a name is a credential rather than a description of one."""
    if _PASSWORDLIKE.search(name):
        return _password(value, bare)
    if placeholder(value) or " " in value or _elsewhere(value):
        return False
    if value.isascii() and _FORMED.match(value):
        return False
    if _UUID.match(value):
        return not re.search(r"(?i)credential", name)
    if len(value) < 16 and not bare:
        return len(value) >= 8 and mixed(value) and not invented_short(value) and _short(value)
    return drawn(value)


def _short(value: str) -> bool:
    """Whether a short quoted value has more than a number at the end of a word."""
    return bool(re.search(r"[0-9].*[A-Za-z]|[^\w.-]", value))


_NAME: Final = re.compile(r"[\w.-]*\Z")
_AFTER_NAME: Final = "\"'`\\ \t:=]>,?|).+!" + SEPARATOR


def name_before(text: str, end: int) -> str:
    """The name that the anchor ended behind; empty where it says that the value is harmless."""
    before = text[max(0, end - 72) : end].rstrip(_AFTER_NAME).rpartition(SEPARATOR)[2]
    before = before.removesuffix(" string").removesuffix(" is").rstrip()
    found = _NAME.search(before)
    name = found.group() if found else ""
    stem = re.sub(r"(?i)tokens?\d*\Z", "", name)
    if (stem != name and _HARMLESS.search(stem)) or _OPEN.search(name):
        return ""
    return name


def _value(text: str, end: int) -> tuple[str, int, bool] | None:
    """The value behind the sign of assignment, where it begins, and whether it is without quotes."""
    found = _VALUE.match(text, end)
    if found is None:
        return None
    if text[end - 1] == "," and (
        found["bare"] or text[end - 4 : end - 1].rstrip()[-1:] not in ('"', "'", "`")
    ):
        return None
    group = "bare" if found["bare"] else "quoted"
    bare = group == "bare" or text[end - 1] == ","  # in a list of quoted words a name says less
    value = found[group]
    if group == "bare":
        query = _QUERY.search(value)
        value = value[: query.start()] if query else value
        value = value.rstrip(".:?&") if not value.endswith("..") else value
    return value, found.start(group), bare


def assignment(text: str, end: int) -> Span | None:
    """The value in password = value, "api_key": "value" and the like; the anchor ends in the sign."""
    name = name_before(text, end)
    given = _value(text, end) if name else None
    if given is None:
        return None
    value, start, bare = given
    return (start, start + len(value)) if secret(value, name, bare) else None


def key_assignment(text: str, end: int) -> Span | None:
    """The same for any other name that ends in key, where the value looks drawn at random."""
    name = name_before(text, end)
    given = _value(text, end) if name else None
    if given is None:
        return None
    value, start, _ = given
    good = not placeholder(value) and not _elsewhere(value) and not _UUID.match(value)
    return (start, start + len(value)) if good and drawn(value, 12, 3.2) else None


def short_name(text: str, end: int) -> Span | None:
    """The value in pw:value, "pass": "value" and passwort=value, where it is no ordinary word."""
    given = _value(text, end)
    if given is None:
        return None
    value, start, bare = given
    good = _chosen(value) if not bare else not value.islower() and mixed(value) and not invented_short(value)
    called = bare and text[start + len(value) : start + len(value) + 1] == "("
    if called or not good or not 6 <= len(value) <= 64 or _elsewhere(value) or placeholder(value):
        return None
    return start, start + len(value)


def short_label(text: str, end: int) -> Span | None:
    """The same for a whole text; the anchor ends behind its key."""
    stop = text.find(SEPARATOR, end)
    value = text[end : stop if stop >= 0 else len(text)]
    good = _chosen(value) and 6 <= len(value) <= 64 and not _elsewhere(value) and not placeholder(value)
    return (end, end + len(value)) if good else None


def _chosen(value: str) -> bool:
    """Whether a person would choose it for a password: no word, and no sentence."""
    return not value.isalpha() and " " not in value and not value.endswith((":", "?"))


def labelled(text: str, end: int) -> Span | None:
    """The whole text that a key names as secret; the anchor ends behind the key."""
    name = name_before(text, end)
    stop = text.find(SEPARATOR, end)
    value = text[end : stop if stop >= 0 else len(text)]
    if not name or len(value) > 4096 or not secret(value, name, bare=False):
        return None
    return end, end + len(value)


_PASSWORD: Final = re.compile(r"[^\s/?#@\"'<>\x1e]{1,256}(?=@[\w.\[-])")


def url_password(text: str, end: int) -> Span | None:
    """The password in scheme://user:password@host; the anchor ends behind the colon."""
    found = _PASSWORD.match(text, end)
    if found is None or placeholder(found.group()) or found.group().startswith("$"):
        return None
    return found.span()


_BEARER: Final = re.compile(r"[A-Za-z0-9._~+/-]{8,}=*")


def authorization(text: str, end: int) -> Span | None:
    """The credentials of an Authorization header; the anchor ends at their first character."""
    found = _BEARER.match(text, end - 1)
    if (
        found is None
        or found.group().isalpha()
        or placeholder(found.group())
        or invented_short(found.group())
    ):
        return None
    return found.span()


_USER: Final = re.compile(r"[^\s\"':$<>{}\x1e]{1,64}:(?P<word>[^\s\"'$<>{}\x1e][^\s\"'\x1e]{2,255})")


def curl_user(text: str, end: int) -> Span | None:
    """The password in curl -u name:password; the anchor ends behind the option."""
    if "curl" not in text[max(0, end - 256) : end]:
        return None
    at = end + len(text[end : end + 3]) - len(text[end : end + 3].lstrip(" ='\""))
    found = _USER.match(text, at)
    if found is None or placeholder(found["word"]) or _placeholders(found["word"]):
        return None
    return found.span("word")


def _placeholders(value: str) -> bool:
    return invented_short(value) or value.startswith(("//", "$", "%", "-"))


_FLAG: Final = re.compile(r"[\"']?(?P<value>[^\s\"'`<>{}()\x1e]{6,128})")


def flag(text: str, end: int) -> Span | None:
    """What follows --password, --token and the like; the anchor ends behind the blank."""
    found = _FLAG.match(text, end)
    word = text[max(0, end - 20) : end].rpartition("-")[0].rstrip("-")
    if word[-1:].isalnum():
        return None
    if found is None or not mixed(found["value"]) or found["value"].islower():
        return None
    value = found["value"]
    bad = (
        value.startswith(("-", "$", "%")) or placeholder(value) or invented_short(value) or _elsewhere(value)
    )
    return None if bad else found.span("value")


_QUOTED: Final = re.compile(
    r"\s{0,3}\(?\s?(?:(?P<quote>['\"])(?P<value>[^'\"\x1e\n]{4,128})(?P=quote)|(?P<bare>[^\s;'\"\\]{6,128}))"
)


def statement(text: str, end: int) -> Span | None:
    """The password of a database user in SQL; the anchor ends behind the keyword."""
    found = _QUOTED.match(text, end)
    if found is None:
        return None
    group = "bare" if found["bare"] else "value"
    if group == "bare" and (text[end - 3 : end - 1].lower() != "by" or not mixed(found["bare"])):
        return None
    good = not placeholder(found[group]) and _password(found[group], bare=group == "bare")
    return found.span(group) if good else None


_DATA: Final = re.compile(r"(?m)^[ \t]*data:[ \t]*\n")
_ENTRY: Final = re.compile(
    r"(?m)(?:^[ \t]*#.*\n)*^[ \t]+[\w.-]{1,128}:[ \t]*(?:[|>][+-]?[ \t]*\n[ \t]+)?"
    r"(?P<value>[\"']?[A-Za-z0-9+/]{12,}={0,3}[\"']?)"
)
_MANIFEST: Final = 4096


def manifest(text: str, end: int) -> Span | None:
    """The data of a Kubernetes Secret: base64, not encrypted; the anchor ends behind its kind."""
    first, last = max(0, end - _MANIFEST), min(len(text), end + _MANIFEST)
    first = max(first, text.rfind("\n---", first, end))
    after = text.find("\n---", end, last)
    last = after if after > 0 else last
    begins = _DATA.search(text, first, last) if "data:" in text[first:last] else None
    found = _ENTRY.search(text, begins.end(), last) if begins else None
    if found is None:
        return None
    start, stop = found.span("value")
    more = _ENTRY.match(text, stop + 1, last)
    while more:
        stop = more.end("value")
        more = _ENTRY.match(text, stop + 1, last)
    return start, stop


SUFFIX: Final = r"(?:[_-]?(?:value|string|text|base))?[_-]?[0-9]{0,3}"
_SIGN: Final = r"(?:[\"'`\\\]]|&quot;){0,3}(?: is)?[ \t]{0,12}(?:string[ \t]{1,4})?[.+!]?[:=,?>|]"

# In other languages, as the bytes of UTF-8 where they are not ASCII.
_ABROAD: Final = "|".join(
    "".join(rf"\x{byte:02x}" for byte in word.encode())
    for word in (
        "пароль",
        "Пароль",
        "密码",
        "密碼",
        "パスワード",
        "비밀번호",
        "contraseña",
        "Contraseña",
        "hasło",
        "Hasło",
    )
)
_SHORT_NAMES: Final = (
    r"(?:(?i:\b(?:pw|psswd|psswrd|paswd|pasword|passwrd|psk|passwort|kennwort|contrasena|senha|wachtwoord|haslo"
    r"|mot[_ ]de[_ ]passe|(?:db|my|user|usr|root|admin|mysql|smtp|ftp|ssh|wifi|mail|login)?pass)"
    rf"|[_-](?:pw|pass|psk))|[a-z]P(?:ass|w)|{_ABROAD})"
)

NAMED: Final = (
    Rule("url password", "SECRET", r"://[^ /?#:@\x00-\x20\"'<>]{0,64}:", url_password, 0.9),
    Rule(
        "authorization",
        "SECRET",
        r"(?i)authorization[\"'\\]{0,2} ?[:=\x1e] ?[\"'\\]{0,2}(?:bearer|basic|token) [A-Za-z0-9]",
        authorization,
        0.9,
    ),
    Rule("assignment", "SECRET", rf"(?i)(?:{NAME_WORDS})s?{SUFFIX}{_SIGN}", assignment, 0.8),
    Rule(
        "key assignment",
        "SECRET",
        rf"(?:[A-Za-z0-9](?:[._-]key|[_-]KEY)|[a-z0-9]Key)s?[0-9]{{0,2}}{_SIGN}",
        key_assignment,
        0.6,
    ),
    Rule("short name", "SECRET", rf"{_SHORT_NAMES}{_SIGN}", short_name, 0.6),
    Rule("short label", "SECRET", rf"{_SHORT_NAMES}{SEPARATOR}", short_label, 0.6, labelled=True),
    Rule("label", "SECRET", rf"(?i)(?:{NAME_WORDS})s?{SUFFIX}{SEPARATOR}", labelled, 0.8, labelled=True),
    Rule("curl user", "SECRET", r"[ '\"](?:-u|--user)[ =]", curl_user, 0.7),
    Rule(
        "flag",
        "SECRET",
        r"(?i)-(?:password|passwd|passphrase|token|secret|api-?key|storepass|keypass)[ =]",
        flag,
        0.6,
    ),
    Rule("statement", "SECRET", r"(?i)(?:identified by|\bpassword)[ (]", statement, 0.6),
    Rule("kubernetes secret", "SECRET", r"(?i)kind:[ \t]*[\"']?secret\b", manifest, 0.7),
)
