"""A tenant's colour as a scale that can be read."""

import pytest
from django.core.exceptions import ValidationError

from pulse.tenancy.colours import DARK_GROUND, LEAST_CONTRAST, LIGHT_GROUND, check_colour, contrast, scale

COLOURS = ["#1d4ed8", "#ffff00", "#00ff00", "#ff0000", "#00ffff", "#ff00ff", "#000000", "#ffffff", "#808080", "#000080"]


@pytest.mark.parametrize("colour", COLOURS)
def test_words_and_buttons_can_be_read_in_both_looks_whatever_the_colour(colour: str) -> None:
    made = scale(colour)
    assert contrast(made["600"], "#ffffff") >= LEAST_CONTRAST
    assert contrast(made["600"], LIGHT_GROUND) >= LEAST_CONTRAST
    assert contrast(made["500"], DARK_GROUND) >= LEAST_CONTRAST


@pytest.mark.parametrize("colour", COLOURS)
def test_a_scale_goes_from_light_to_dark(colour: str) -> None:
    shades = [contrast(shade, "#ffffff") for shade in scale(colour).values()]
    assert len(shades) == 11
    assert shades == sorted(shades)


def test_a_colour_that_can_be_read_is_used_as_it_is() -> None:
    assert scale("#1d4ed8")["600"] == "#1d4ed8"


def test_contrast_is_as_wcag_counts_it() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    # https://www.w3.org/WAI/WCAG22/Understanding/contrast-minimum: #777777 on white has 4.48.
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("text", ["red", "#fff", "#12345g", "#1d4ed8\n", "#1d4ed8;} body{display:none", "1d4ed8"])
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="such as #1d4ed8"):
        check_colour(text)
