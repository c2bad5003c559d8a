"""Converting units exactly: every factor is a fraction, from the definitions of BIPM and NIST SP 811."""

from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from typing import Final

from toolgate_servers.errors import Reason, Refused

PI: Final = Fraction("3.1415926535897932384626433832795028841971693993751")


@dataclass(frozen=True, slots=True)
class Unit:
    """What a unit measures, and how it becomes the base unit of that: value * factor + offset."""

    kind: str
    factor: Fraction
    offset: Fraction = Fraction(0)


# The first unit of each kind is its base unit. Factors are exact by definition, except those with pi.
TABLE: Final[dict[str, str]] = {
    "length": (
        "m=1 nm=1e-9 um=1e-6 mm=0.001 cm=0.01 km=1000 in=0.0254 ft=0.3048 yd=0.9144 mi=1609.344 "
        "nmi=1852 au=149597870700"
    ),
    "mass": (
        "kg=1 ug=1e-9 mg=1e-6 g=0.001 t=1000 oz=0.028349523125 lb=0.45359237 st=6.35029318 "
        "short_ton=907.18474"
    ),
    "time": "s=1 ns=1e-9 us=1e-6 ms=0.001 min=60 h=3600 d=86400 week=604800 year=31557600",
    "area": (
        "m2=1 mm2=1e-6 cm2=1e-4 km2=1e6 ha=1e4 in2=0.00064516 ft2=0.09290304 acre=4046.8564224 "
        "mi2=2589988.110336"
    ),
    "volume": (
        "m3=1 ml=1e-6 cl=1e-5 dl=1e-4 l=0.001 cm3=1e-6 in3=0.000016387064 ft3=0.028316846592 "
        "us_gal=0.003785411784 us_fl_oz=0.0000295735295625 us_cup=0.0002365882365 "
        "us_pint=0.000473176473 uk_gal=0.00454609 uk_pint=0.00056826125 bbl=0.158987294928"
    ),
    "speed": "m/s=1 km/h=1/3.6 mph=0.44704 kn=1852/3600 ft/s=0.3048",
    "pressure": (
        "Pa=1 hPa=100 kPa=1000 MPa=1e6 bar=1e5 mbar=100 atm=101325 psi=4.4482216152605/0.00064516 "
        "torr=101325/760"
    ),
    "energy": (
        "J=1 kJ=1000 MJ=1e6 Wh=3600 kWh=3.6e6 MWh=3.6e9 cal=4.184 kcal=4184 eV=1.602176634e-19 "
        "BTU=1055.05585262"
    ),
    "power": "W=1 mW=0.001 kW=1000 MW=1e6 GW=1e9 hp=745.69987158227022",
    "force": "N=1 kN=1000 lbf=4.4482216152605 kgf=9.80665",
    "data": (
        "B=1 bit=1/8 kB=1e3 MB=1e6 GB=1e9 TB=1e12 PB=1e15 KiB=1024 MiB=1048576 GiB=1073741824 "
        "TiB=1099511627776 kbit=125 Mbit=125000 Gbit=125000000"
    ),
    "data rate": "bit/s=1 kbit/s=1e3 Mbit/s=1e6 Gbit/s=1e9 B/s=8 MB/s=8e6",
    "frequency": "Hz=1 kHz=1e3 MHz=1e6 GHz=1e9 rpm=1/60",
    "fuel economy": "km/l=1 us_mpg=1.609344/3.785411784 uk_mpg=1.609344/4.54609",
}


def _fraction(text: str) -> Fraction:
    above, _, below = text.partition("/")
    return Fraction(above) / Fraction(below or "1")


UNITS: Final[dict[str, Unit]] = {
    name: Unit(kind, _fraction(factor))
    for kind, table in TABLE.items()
    for name, factor in (entry.split("=") for entry in table.split())
} | {
    "K": Unit("temperature", Fraction(1)),
    "C": Unit("temperature", Fraction(1), Fraction("273.15")),
    "F": Unit("temperature", Fraction(5, 9), Fraction("459.67") * Fraction(5, 9)),
    "rad": Unit("angle", Fraction(1)),
    "deg": Unit("angle", PI / 180),
    "arcmin": Unit("angle", PI / 10_800),
    "arcsec": Unit("angle", PI / 648_000),
    "turn": Unit("angle", PI * 2),
}


def convert(value: Fraction, from_unit: str, to_unit: str) -> Fraction:
    """Say how much a value in one unit is in another.

    Raises:
        Refused: UNKNOWN_NAME, or UNDEFINED for units of different kinds.
    """
    source, target = _unit(from_unit, "from_unit"), _unit(to_unit, "to_unit")
    if source.kind != target.kind:
        raise Refused(
            Reason.UNDEFINED,
            "to_unit",
            found=f"a unit of {target.kind}",
            expected=f"one of {source.kind}: {', '.join(names(source.kind))}",
        )
    return (value * source.factor + source.offset - target.offset) / target.factor


def names(kind: str) -> list[str]:
    """Give the units of a kind."""
    return [name for name, unit in UNITS.items() if unit.kind == kind]


def _unit(name: str, where: str) -> Unit:
    if name in UNITS:
        return UNITS[name]
    near = get_close_matches(name, UNITS, n=1) or [one for one in UNITS if one.lower() == name.lower()][:1]
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise Refused(
        Reason.UNKNOWN_NAME, where, found=f"an unknown unit{hint}", expected=f"one of {', '.join(UNITS)}"
    )
