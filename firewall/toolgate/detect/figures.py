"""Checksums and number ranges: what makes a row of digits a card, an account, a social security number."""

from __future__ import annotations

from typing import Final

_DOUBLED: Final = bytes.maketrans(b"0123456789", b"0246813579")
# Letters count 10 to 35 (ISO 13616). Each becomes the byte that reads so in hex; a digit reads a0 to a9.
_COUNTED: Final = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
    bytes.fromhex("".join(map(str, (*range(10, 36), *range(10, 36)))) + "a0a1a2a3a4a5a6a7a8a9"),
)

# ISO 13616 registry, release 99: the length of an account number by country.
IBAN_LENGTHS: Final = {
    **dict.fromkeys(("NO",), 15),
    **dict.fromkeys(("BE",), 16),
    **dict.fromkeys(("DK", "FI", "FO", "GL", "NL", "SD", "FK"), 18),
    **dict.fromkeys(("MK", "SI"), 19),
    **dict.fromkeys(("AT", "BA", "EE", "KZ", "LT", "LU", "XK", "MN"), 20),
    **dict.fromkeys(("CH", "CR", "HR", "LI", "LV"), 21),
    **dict.fromkeys(("BG", "BH", "DE", "GB", "GE", "IE", "ME", "RS", "VA"), 22),
    **dict.fromkeys(("AE", "GI", "IL", "IQ", "TL", "OM", "SO"), 23),
    **dict.fromkeys(("AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG"), 24),
    **dict.fromkeys(("LY", "PT", "ST"), 25),
    **dict.fromkeys(("IS", "TR"), 26),
    **dict.fromkeys(("BI", "DJ", "FR", "GR", "IT", "MC", "MR", "SM"), 27),
    **dict.fromkeys(("AL", "AZ", "BY", "CY", "DO", "GT", "HU", "LB", "PL", "SV", "NI", "HN"), 28),
    **dict.fromkeys(("BR", "EG", "PS", "QA", "UA", "YE"), 29),
    **dict.fromkeys(("JO", "KW", "MU"), 30),
    **dict.fromkeys(("MT", "SC"), 31),
    **dict.fromkeys(("LC",), 32),
    **dict.fromkeys(("RU",), 33),
}


def luhn(digits: str) -> bool:
    """Whether the check digit is right (ISO/IEC 7812-1)."""
    figures = digits.encode()
    return (sum(figures[-1::-2] + figures[-2::-2].translate(_DOUBLED)) - 48 * len(figures)) % 10 == 0


# What JCB issued before it had 3528 to 3589 (ISO/IEC 7812, by the first four digits).
_JCB: Final = frozenset("3088 3096 3112 3113 3114 3115 3116 3117 3118 3119 3158 3159 3337 3338 3339".split())


def issued(digits: str) -> bool:
    """Whether a card network issues numbers of this beginning and length."""
    size, first = len(digits), digits[0]
    if first == "4":
        return size in (13, 16, 19)
    two, four = digits[:2], digits[:4]  # digits of one length compare like numbers
    if "51" <= two <= "55" or "2221" <= four <= "2720":
        return size == 16
    if two in ("34", "37") or four in ("1800", "2131"):
        return size == 15
    if first == "3":
        return (size == 16 and (two == "35" or four in _JCB)) or (
            two in ("30", "36", "38", "39") and size in (14, 16)
        )
    if two in ("81", "82") or four == "9792":
        return size == 16  # RuPay, UnionPay, Troy
    if "2200" <= four <= "2204":
        return 16 <= size <= 19
    return (two == "50" or two >= "56") and two < "70" and 12 <= size <= 19  # Maestro, Discover, UnionPay


def iban(account: str) -> bool:
    """Whether the check digits are right (ISO 7064 mod 97-10). Letters, digits, blanks and dashes only."""
    figures = account.encode().translate(_COUNTED, b" -").hex().replace("a", "")
    return int(figures[6:] + figures[:6]) % 97 == 1


def ssn(area: str, group: str, serial: str) -> bool:
    """Whether the number can have been given out (ssa.gov: never 000, 666 or 9xx; never 00; never 0000)."""
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


_NEVER_PUBLIC: Final = frozenset(str(first) for first in (0, 10, 127, *range(224, 256)))


def public_ipv4(first: str, second: str) -> bool:
    """Whether an address of this beginning names somebody: not this host, a private net, or many at once."""
    if first in _NEVER_PUBLIC:
        return False
    if first == "172":
        return not 16 <= int(second) < 32
    if first == "100":
        return not 64 <= int(second) < 128
    return (first, second) not in (("192", "168"), ("169", "254"))
