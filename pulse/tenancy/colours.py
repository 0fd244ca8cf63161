"""A tenant's colour as the scale that the admin is drawn in, with enough contrast in its light and its dark look.

Computed in OKLCH, whose lightness is that which people see: https://bottosson.github.io/posts/oklab/
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from django.core.validators import RegexValidator

check_colour = RegexValidator(r"\A#[0-9a-fA-F]{6}\Z", "A colour is written as # and six digits, such as #1d4ed8.")

# WCAG 2.2, 1.4.3, level AA.
LEAST_CONTRAST = 4.5
# Step of the scale → how light it is, and the part of the colour's own chroma that it has.
_STEPS: Mapping[str, tuple[float, float]] = {
    "50": (0.977, 0.05),
    "100": (0.946, 0.12),
    "200": (0.902, 0.22),
    "300": (0.827, 0.41),
    "400": (0.714, 0.7),
    "500": (0.627, 0.92),
    "600": (0.558, 1.0),
    "700": (0.496, 0.92),
    "800": (0.438, 0.76),
    "900": (0.381, 0.61),
    "950": (0.291, 0.52),
}
# What words in the colour stand on, lightest and darkest: unfold's base-100 and base-800.
LIGHT_GROUND, DARK_GROUND = "#f3f4f6", "#1f2937"
_GRAIN = 0.005
# Of a button: it is seen on dark ground, and white words can be read on it.
_DARKEST, _LIGHTEST = 0.35, 0.65


class Oklch(NamedTuple):
    """``lightness`` 0 to 1, ``chroma`` 0 to about 0.4, ``hue`` in radians."""

    lightness: float
    chroma: float
    hue: float


def scale(colour: str) -> dict[str, str]:
    """Steps 50 to 950 as "#rrggbb". Step 600 is the colour itself, or as close to it as can be read: words in 600 on
    light ground, white words on 600, words in 500 on dark ground.
    """
    own = _oklch(colour)
    button = _readable(own._replace(lightness=min(max(own.lightness, _DARKEST), _LIGHTEST)), LIGHT_GROUND, -_GRAIN)
    word = _readable(own._replace(lightness=_STEPS["500"][0]), DARK_GROUND, _GRAIN)
    made = {step: _hex(_step(own, step, button)) for step in _STEPS}
    return {**made, "500": _hex(word), "600": _hex(button)}


def contrast(one: str, other: str) -> float:
    """WCAG's ratio of two colours, 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _step(own: Oklch, step: str, button: Oklch) -> Oklch:
    """Those darker than 600 go down from it as far as they usually do."""
    lightness, part = _STEPS[step]
    if int(step) > 600:
        lightness *= button.lightness / _STEPS["600"][0]
    return Oklch(lightness, own.chroma * part, own.hue)


def _readable(colour: Oklch, ground: str, grain: float) -> Oklch:
    """The colour, as much lighter or darker as it must be to be read on the ground."""
    while 0 < colour.lightness < 1 and contrast(_hex(colour), ground) < LEAST_CONTRAST:
        colour = colour._replace(lightness=colour.lightness + grain)
    return colour


def _luminance(colour: str) -> float:
    red, green, blue = _linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return _to_linear(red), _to_linear(green), _to_linear(blue)


def _to_linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _from_linear(part: float) -> float:
    return part * 12.92 if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055


def _oklch(colour: str) -> Oklch:
    red, green, blue = _linear(colour)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    middle = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    a = 1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short
    lightness = 0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short
    return Oklch(lightness, math.hypot(a, b), math.atan2(b, a))


def _hex(colour: Oklch) -> str:
    """With as much of its chroma as screens can show at this lightness."""
    while colour.chroma > 0 and not all(-0.0005 <= part <= 1.0005 for part in _rgb(colour)):
        colour = colour._replace(chroma=max(colour.chroma - _GRAIN, 0))
    return "#" + "".join(f"{round(255 * _from_linear(min(max(part, 0), 1))):02x}" for part in _rgb(colour))


def _rgb(colour: Oklch) -> tuple[float, float, float]:
    """Linear red, green and blue; outside of 0 to 1 no screen shows them."""
    a, b = colour.chroma * math.cos(colour.hue), colour.chroma * math.sin(colour.hue)
    long = (colour.lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (colour.lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (colour.lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
