"""Fourteen regions of the world by country (ISO 3166), and those that can be held out.

Regions colour maps and name what is held out; no model sees them.
"""

from typing import NamedTuple

_COUNTRIES = {
    "africa": (
        "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG ML MR MU MW MZ NA "
        "NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW"
    ),
    "north-america": (
        "AG AI AN AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI PA PM PR SV SX "
        "TC TT US VC VG VI"
    ),
    "south-america": "AR BO BR CL CO EC FK GF GY PE PY SR UY VE",
    "western-europe": ("AD AT AX BE CH DE DK ES FI FO FR GB GG GI GR IE IM IS IT JE LI LU MC MT NL NO PT SE SJ SM VA"),
    "eastern-europe": "AL BA BG BY CS CZ EE HR HU LT LV MD ME MK PL RO RS RU SI SK UA XK",
    "middle-east": "AE AM AZ BH CY GE IL IQ IR JO KW LB OM PS QA SA SY TR YE",
    "central-asia": "KG KZ MN TJ TM UZ",
    "south-asia": "AF BD BT IN IO LK MV NP PK",
    "china": "CN HK MO TW",
    "japan": "JP",
    "korea": "KP KR",
    "southeast-asia": "BN CC CX ID KH LA MM MY PH SG TH TL VN",
    "oceania": "AS AU CK FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TO TV UM VU WF WS",
    "antarctica": "AQ BV GS HM TF",
}
REGIONS = tuple(_COUNTRIES)
REGION_OF = {code: region for region, codes in _COUNTRIES.items() for code in codes.split()}


class HeldOut(NamedTuple):
    """A region that can be held out: cities of these countries, north of ``south`` (degrees of latitude)."""

    countries: frozenset[str]
    south: float = -90.0

    def has(self, country: str, latitude: float) -> bool:
        """Return whether a city lies in the region."""
        return country in self.countries and latitude > self.south


HELD_OUT = {
    **{region: HeldOut(frozenset(codes.split())) for region, codes in _COUNTRIES.items()},
    "north-africa": HeldOut(frozenset({"DZ", "EG", "EH", "LY", "MA", "SD", "TN"})),
    "north-india": HeldOut(frozenset({"IN"}), south=22.0),
}
