"""Credentials that are recognised by their own form, as their makers document it."""

from __future__ import annotations

import re
from typing import Final

from toolgate.detect.likeness import drawn, invented
from toolgate.detect.rules import Rule, Span, Verify

_W: Final = "[A-Za-z0-9_-]"
_A: Final = "[A-Za-z0-9]"
_HEX: Final = "[a-f0-9]"
_UUID: Final = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"

# Name, what the anchor looks for, what may follow it.
_FORMATS: Final = (
    (
        "1password secret key",
        r"A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}",
        "",
    ),
    ("1password token", r"ops_eyJ[A-Za-z0-9+/_-]{100}", "[A-Za-z0-9+/=_-]*"),
    ("adobe secret", rf"p8e-{_A}{{32}}", ""),
    ("age key", r"AGE-SECRET-KEY-1[0-9A-Z]{58}", ""),
    ("airtable token", rf"pat{_A}{{14}}\.{_HEX}{{64}}", ""),
    ("akamai credential", r"ak[a-z]{2}-[a-z0-9]{16}-[a-z0-9]{16}", ""),
    ("alibaba access key", rf"LTAI{_A}{{12}}", f"(?:{_A}{{4}}|{_A}{{8}})?"),
    ("amazon bedrock key", r"ABSKQmVkcm9ja0FQSUtleS[A-Za-z0-9+/]{80}", "[A-Za-z0-9+/=]*"),
    ("amazon bedrock short key", r"bedrock-api-key-[A-Za-z0-9+/=]{32}", "[A-Za-z0-9+/=]*"),
    ("amazon mws key", r"amzn\.mws\.[a-z0-9]{8}-[a-z0-9-]{27}", ""),
    ("anthropic key", rf"sk-ant-[a-z]{{3,8}}[0-9]{{2}}-{_W}{{93}}AA", ""),
    ("artifactory key", rf"AKCp{_A}{{69}}", ""),
    ("artifactory reference token", rf"cmVmd{_A}{{59}}", ""),
    ("asana token", r"[0-9]/[0-9]{13,17}(?:/[0-9]{13,17})?:[a-f0-9]{32}", ""),
    ("atlassian token", r"ATATT3[A-Za-z0-9_=-]{40}", "[A-Za-z0-9_=-]*"),
    (
        "authress key",
        rf"(?:sc|ext|scauth|authress)_{_A}{{5,30}}\.{_A}{{4,6}}\.acc[_-]{_W}{{10}}",
        r"[\w.+/=-]*",
    ),
    ("aws access key", r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}", ""),
    ("azure client secret", r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31}", "[A-Za-z0-9_~.-]{0,3}(?![_~-])"),
    ("azure signature", r"sig=[A-Za-z0-9%+/]{40}", "[A-Za-z0-9%+/=]*"),
    ("azure storage key", r"AccountKey=[A-Za-z0-9+/]{86}==", ""),
    ("beamer key", r"b_[A-Za-z0-9=_-]{44}", ""),
    ("bitbucket token", r"(?:BBDC-|ATBB|ATCTT3)[A-Za-z0-9+/@_=-]{28}", "[A-Za-z0-9+/@_=-]*"),
    ("braintree token", rf"access_token\$(?:production|sandbox)\${_A}{{16}}\${_A}{{32}}", ""),
    ("clickhouse key", rf"4b1d{_A}{{38}}", ""),
    ("clojars token", r"CLOJARS_[a-z0-9]{60}", ""),
    ("cloudflare origin key", rf"v1\.0-{_HEX}{{24}}-{_HEX}{{140}}", f"{_HEX}*"),
    ("cosmo key", rf"cosmo_{_HEX}{{32}}", ""),
    ("databricks token", r"dapi[a-f0-9]{32}", "(?:-[0-9])?"),
    ("deno token", rf"dd[pow]_{_A}{{36}}", ""),
    ("digicert key", r"dnkey-[A-Za-z0-9_=-]{26}-[A-Za-z0-9_=-]{52}", ""),
    ("digitalocean token", r"do[opr]_v1_[a-f0-9]{64}", ""),
    ("discord webhook", rf"discord(?:app)?\.com/api/webhooks/[0-9]{{17,20}}/{_W}{{60}}", f"{_W}*"),
    ("discord token", rf"[MNO]{_W}{{23,27}}\.{_W}{{6}}\.{_W}{{27}}", f"{_W}*"),
    ("docker token", rf"dckr_[op]at_{_W}{{27}}", f"{_W}*"),
    ("doppler token", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_-]{40}", "[A-Za-z0-9_.-]*"),
    ("dropbox token", r"sl\.(?:u\.)?[A-Za-z0-9_=-]{60}", "[A-Za-z0-9_=-]*"),
    ("duffel token", r"duffel_(?:test|live)_[A-Za-z0-9_=-]{43}", ""),
    ("dynatrace token", r"dt0[a-z][0-9]{2}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{60}", f"{_A}*"),
    ("easypost key", rf"EZ[AT]K{_A}{{54}}", ""),
    ("facebook app token", rf"[0-9]{{15,16}}[|%]{_W}{{27}}", f"{_W}{{0,13}}"),
    ("facebook token", rf"EAA[MC]{_A}{{90}}", f"{_A}*"),
    ("figma token", rf"fig[doru]_{_W}{{40}}", ""),
    ("flutterwave key", rf"FLW(?:PUB|SEC)K(?:_TEST)?-{_A}{{12}}", rf"{_A}*(?:-X)?"),
    ("fly token", r"f(?:o1|m1r|m1a|m2)_[A-Za-z0-9+/_-]{43}", "[A-Za-z0-9+/=_,-]*"),
    ("frame.io token", r"fio-u-[A-Za-z0-9_=-]{64}", ""),
    ("github fine-grained token", rf"github_pat_{_A}{{22}}_{_A}{{16}}", f"{_A}*"),
    ("github fine-grained token, joined", r"github_pat_[A-Za-z0-9_]{82}", ""),
    ("github token", rf"gh[pousr]_{_A}{{36}}", f"{_A}*"),
    ("gitlab runner token", rf"GR1348941{_W}{{20}}", ""),
    ("gitlab session", r"_gitlab_session=[0-9a-z]{32}", ""),
    (
        "gitlab token",
        rf"gl(?:pat|dt|rt|ft|wt|ptt|rtr|oas|cbt|imt|soat|agent|ffct)-{_W}{{20}}",
        r"[.A-Za-z0-9_-]*",
    ),
    ("gocardless token", r"live_[A-Za-z0-9_=-]{40}", ""),
    ("google access token", rf"ya29\.{_W}{{20}}", f"{_W}*"),
    ("google client secret", rf"GOCSPX-{_W}{{28}}", ""),
    ("google key", rf"AIza{_W}{{35}}", ""),
    ("google refresh token", rf"1//0{_W}{{40}}", f"{_W}*"),
    ("grafana cloud token", r"glc_[A-Za-z0-9+/]{32}", "[A-Za-z0-9+/]*=*"),
    ("grafana key", r"eyJrIjoi[A-Za-z0-9_=-]{42}", "[A-Za-z0-9+/_=-]*"),
    ("grafana service token", rf"glsa_{_A}{{32}}", f"(?:_{_HEX}{{8}})?"),
    ("groq key", rf"gsk_{_A}{{52}}", ""),
    ("harness key", rf"[ps]at\.{_W}{{22}}\.{_A}{{24}}\.{_A}{{20}}", ""),
    ("heroku key", rf"HRKU-{_W}{{36}}", f"{_W}*"),
    ("hugging face organisation token", r"api_org_[A-Za-z]{34}", ""),
    ("hugging face token", r"hf_[A-Za-z]{34}", ""),
    ("infracost key", rf"ico-{_A}{{32}}", ""),
    ("intra42 secret", rf"s-s4t2(?:ud|af)-{_HEX}{{64}}", ""),
    ("jwt", rf"eyJ{_W}{{10}}", rf"{_W}*\.eyJ{_W}+(?:\.{_W}*)*"),
    ("langsmith key", rf"lsv2_(?:pt|sk)_{_HEX}{{32}}_{_HEX}{{10}}", ""),
    ("launchdarkly key", rf"(?:api|sdk|mob)-{_UUID}", ""),
    ("linear key", rf"lin_(?:api|oauth)_{_A}{{40}}", f"{_A}*"),
    ("lob key", rf"(?:live|test)_(?:pub_)?{_HEX}{{31}}", f"(?:{_HEX}{{4}})?"),
    ("mailchimp key", r"[a-f0-9]{32}-us[0-9]{1,2}", ""),
    ("mailgun key", r"(?:pub)?key-[a-z0-9]{32}", ""),
    ("mailgun signing key", rf"{_HEX}{{32}}-{_HEX}{{8}}-{_HEX}{{8}}", ""),
    ("mapbox token", rf"[ps]k\.{_A}{{60}}\.{_A}{{22}}", ""),
    ("maxmind key", rf"{_A}{{6}}_{_A}{{29}}_mmk", ""),
    ("new relic key", r"NR(?:AK-[A-Za-z0-9]{27}|(?:JS|BR)-[a-f0-9]{19}|I[IQ]-[A-Za-z0-9_-]{32})", ""),
    ("new relic licence", r"[A-Za-z0-9]{36}NRAL", ""),
    ("notion token", rf"(?:ntn_[0-9]{{11}}|secret_{_A}{{8}}){_A}{{35}}", ""),
    ("npm token", rf"npm_{_A}{{36}}", ""),
    ("octopus key", r"API-[A-Z0-9]{26}", ""),
    ("openai key", rf"sk-(?:(?:proj|svcacct|admin|None)-{_W}{{20}}|(?:or-v1-)?{_A}{{20}})", f"{_W}*"),
    ("openshift token", rf"sha256~{_W}{{43}}", ""),
    ("perplexity key", rf"pplx-{_A}{{48}}", f"{_A}*"),
    ("plaid token", rf"access-(?:sandbox|development|production)-{_UUID}", ""),
    ("planetscale token", r"pscale_(?:tkn|oauth|pw)_[A-Za-z0-9._=-]{32}", r"[.A-Za-z0-9_=-]*"),
    ("posthog key", rf"ph[acxrs]_{_A}{{43}}", f"{_A}*"),
    ("postman key", rf"PMAK-{_HEX}{{24}}-{_HEX}{{34}}", ""),
    ("prefect key", rf"pn[ub]_{_A}{{36}}", ""),
    ("pulumi token", rf"pul-{_HEX}{{40}}", ""),
    ("pypi token", rf"pypi-AgE[IN]{_W}{{32}}", f"{_W}*"),
    ("readme key", r"rdme_[a-z0-9]{70}", ""),
    ("replicate token", rf"r8_{_A}{{37}}", ""),
    ("rubygems key", rf"rubygems_{_HEX}{{48}}", ""),
    ("salesforce session", r"00D[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?![A-Za-z0-9._]{80}", r"[A-Za-z0-9._]*"),
    ("salesforce consumer key", r"3MVG[A-Za-z0-9._]{80}", r"[A-Za-z0-9._]*"),
    ("scalingo token", rf"tk-us-{_W}{{48}}", ""),
    ("sendgrid key", r"SG\.[A-Za-z0-9=_.-]{66}", ""),
    ("sendinblue key", rf"xkeysib-{_HEX}{{64}}-{_A}{{16}}", ""),
    ("sentry organisation token", r"sntrys_eyJ[A-Za-z0-9+/]{40}", "[A-Za-z0-9+/=_-]*"),
    ("sentry user token", rf"sntryu_{_HEX}{{64}}", ""),
    ("settlemint token", rf"sm_(?:aat|pat|sat)_{_A}{{16}}", ""),
    ("shippo token", rf"shippo_(?:live|test)_{_HEX}{{40}}", ""),
    ("shopify token", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}", ""),
    ("slack app token", r"xapp-[0-9]-[A-Z0-9]{8}", "[A-Za-z0-9-]*"),
    ("slack configuration token", r"xox(?:e(?:\.xox[bp])?|[bp])-[0-9]-[A-Za-z0-9-]{40}", "[A-Za-z0-9-]*"),
    (
        "slack token",
        r"xox(?:b-[0-9]{8,14}-[A-Za-z0-9]{12}|[abeoprs]-(?:2-)?[0-9]{6,14}-[0-9]{6,14}-[A-Za-z0-9-]{9})",
        "[A-Za-z0-9-]*",
    ),
    ("slack webhook", r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9]{8}", "[A-Za-z0-9/+_]*"),
    ("sonar token", rf"sq[upa]_{_A}{{40}}", ""),
    ("sourcegraph token", r"sgp_(?:[A-Fa-f0-9]{16}_|local_)?[A-Fa-f0-9]{40}", ""),
    ("square token", rf"(?:sq0[a-z]{{3}}-{_W}{{22}}|EAAA{_W}{{60}})", f"{_W}*"),
    ("stripe key", rf"[prs]k_(?:live|test|prod)_{_A}{{10}}", f"{_A}*"),
    ("stripe webhook secret", r"whsec_[A-Za-z0-9+/]{24}", "[A-Za-z0-9+/=]*"),
    ("supabase token", rf"(?:sbp_{_HEX}{{40}}|sb_secret_{_W}{{31}})", ""),
    ("tavily key", rf"tvly-(?:dev-|prod-)?{_A}{{32}}", ""),
    (
        "teams webhook",
        rf"office\.com/webhookb2/{_UUID}@{_UUID}/IncomingWebhook/{_HEX}{{32}}",
        "[/a-f0-9-]*",
    ),
    ("telegram token", rf"[0-9]{{8,10}}:AA{_W}{{33}}", ""),
    ("terraform token", rf"{_A}{{14}}\.atlasv1\.[A-Za-z0-9_=-]{{60}}", "[A-Za-z0-9_=-]*"),
    ("together key", rf"tgp_v1_{_W}{{43}}", ""),
    ("twilio key", r"SK(?:[0-9a-f]{32}|[0-9A-F]{32})", ""),
    ("twitter bearer token", r"A{20}", "[A-Za-z0-9%]{80,200}"),
    ("typeform token", r"tfp_[A-Za-z0-9_.=-]{59}", ""),
    ("vault token", rf"hv[sbr]\.{_W}{{24}}", f"{_W}*"),
    ("vercel token", rf"vc[pikar]_{_A}{{56}}", ""),
    ("xai key", rf"xai-{_A}{{80}}", ""),
    ("yandex key", r"(?:AQVN[A-Za-z0-9_-]{35}|YC[A-Za-z0-9_-]{38})", f"{_W}{{0,3}}"),
    ("yandex token", r"t1\.[A-Z0-9a-z_-]{6,120}={0,2}\.[A-Z0-9a-z_-]{86}", "={0,2}"),
)
# Of these the form alone says little: they stand on their own and look drawn at random.
_SHORT_FORMATS: Final = (
    ("slack legacy token", rf"xox[ar]-(?:[0-9]-)?{_A}{{8}}", "[A-Za-z0-9-]*"),
    ("square short token", rf"EAAA{_W}{{22}}", f"{_W}{{0,37}}"),
    ("vault old token", rf"s\.{_A}{{24}}", ""),
)
_LONGEST_ANCHOR: Final = 260
# Looking further than this for the end of a token would make a text of nothing but prefixes quadratic.
_LONGEST: Final = 4096
_INSIDE: Final = ("+", "/", "_", "-", ".")
# What stands for the part of a token that was left out; round a whole token they are emphasis.
_CUT: Final = ("###", "***")
# Nobody writes these by chance, so a letter before them makes no difference.
_UNMISTAKABLE: Final = re.compile(
    r"github_pat_|gh\[pousr\]_|gl\(\?:pat|xox|sk-ant-|\[prs\]k_|npm_|pypi-|shp|dop?"
)


def _token(anchor: str, tail: str) -> Verify:
    """A token that stands on its own. One of few letters, or one that says EXAMPLE, is no key."""
    before = "" if _UNMISTAKABLE.match(anchor) else "(?<![A-Za-z0-9])"
    head = re.compile(rf"{before}(?:{anchor})\Z")
    rest = re.compile(rf"{tail}(?![A-Za-z0-9])")

    def verify(text: str, end: int) -> Span | None:
        begins = head.search(text, max(0, end - _LONGEST_ANCHOR), end)
        stops = rest.match(text, end, end + _LONGEST) if begins else None
        if begins is None or stops is None:
            return None
        start, stop = begins.start(), stops.end()
        after = text[stop : stop + 3]
        if (after in _CUT and text[start - 1 : start] != after[0]) or invented(text[start:stop]):
            return None
        return start, stop

    return verify


def _drawn_token(anchor: str, tail: str) -> Verify:
    """The same for a form that ordinary text may have, too."""
    token = _token(anchor, tail)

    def verify(text: str, end: int) -> Span | None:
        found = token(text, end)
        if found is None:
            return None
        start, stop = found
        inside = text[start - 1 : start] in _INSIDE or text[stop : stop + 1] in _INSIDE
        return None if inside or not drawn(text[start + 2 : stop], 8) else found

    return verify


# What follows the first line of a key whose last line is missing: headers, then lines of base64.
_ENCODED: Final = re.compile(
    r"(?:\s|\\[nr])*(?:[A-Za-z-]{4,12}: [^\n]{0,80}\s+)*"
    r"(?:[A-Za-z0-9+/]{16,}+(?:\s|\\[nr])*)*(?:[A-Za-z0-9+/]{0,15}==?)?"
)
_KEY_END: Final = re.compile(r"-----END [A-Z ]{0,40}-----")
_KEY_AT_MOST: Final = 32_768
_BODY: Final = re.compile(r"[A-Za-z0-9+/]{16}")


def private_key(text: str, end: int) -> Span | None:
    """A PEM or PGP private key up to its last line; the anchor ends in its first."""
    start = text.rfind("-----BEGIN", max(0, end - 60), end)
    head = text.find("-----", end)
    body = head + 5 if 0 <= head < end + 20 else end
    last = _KEY_END.search(text, end, end + _KEY_AT_MOST)
    cut = _ENCODED.match(text, body)
    stop = last.end() if last else cut.end() if cut else end
    return (start, stop) if last is None or _BODY.search(text, body, stop) else None


def der_key(text: str, end: int) -> Span | None:
    """A private key as bare base64, without PEM lines; the anchor ends in its first bytes."""
    start = text.rfind("MII", max(0, end - 16), end)
    cut = _ENCODED.match(text, start)
    return (start, cut.end()) if cut and cut.end() - start > 100 else None


_NTLM: Final = re.compile(r"TlRMTVNTUAAD[A-Za-z0-9+/]{60,}={0,2}")


def ntlm(text: str, end: int) -> Span | None:
    """The third message of an NTLM handshake, which can be replayed and cracked."""
    found = _NTLM.match(text, end - 12)
    return found.span() if found else None


_LINES: Final = re.compile(r"[0-9]{0,3}(?:\s|\\[nr])+[A-Za-z0-9+/]{16}")


def putty_key(text: str, end: int) -> Span | None:
    """The private lines of a key in PuTTY's form; the anchor ends in their number."""
    found = _LINES.match(text, end)
    cut = _ENCODED.match(text, found.end() - 16) if found else None
    return (cut.start(), cut.end()) if cut else None


TOKENS: Final = (
    *(Rule(name, "SECRET", rf"(?:{anchor})", _token(anchor, tail)) for name, anchor, tail in _FORMATS),
    *(
        Rule(name, "SECRET", rf"\b(?:{anchor})", _drawn_token(anchor, tail))
        for name, anchor, tail in _SHORT_FORMATS
    ),
    Rule("putty key", "SECRET", r"Private-Lines: [0-9]", putty_key),
    Rule("private key", "SECRET", r"-----BEGIN [A-Z ]{0,24}PRIVATE KEY", private_key),
    # DER: a sequence, then the version: the same letters in every RSA key (PKCS #1 and #8).
    Rule("private key without lines", "SECRET", r"MII[A-Za-z0-9+/]{3}IBA[AD]", der_key),
    Rule("ntlm response", "SECRET", r"TlRMTVNTUAAD", ntlm),
)
