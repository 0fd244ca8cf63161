"""Pictures that people upload: only what was decoded and encoded anew is kept, and never SVG."""

import io

from django.core.exceptions import ValidationError
from PIL import Image, ImageOps

MOST_BYTES = 2_000_000
# 40 MB when it is decoded.
MOST_PIXELS = 10_000_000
# What is kept fits into a square of that side.
SIDE = 512
CONTENT_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}


def encoded_anew(content: bytes) -> tuple[bytes, str]:
    """The picture, no larger than is kept, and its type: the first of its frames, without anything beside the pixels.

    Raises ValidationError where it is no PNG, JPEG or WebP, or too large in bytes or pixels.
    """
    if len(content) > MOST_BYTES:
        raise _refused(f"it has {len(content)} bytes, more than {MOST_BYTES}")
    try:
        # Reads no more than the header.
        with Image.open(io.BytesIO(content), formats=list(CONTENT_TYPES)) as picture:
            kind = str(picture.format)
            if picture.width * picture.height > MOST_PIXELS:
                raise _refused(f"it has {picture.width} x {picture.height} pixels, more than {MOST_PIXELS} in all")
            return _encoded(_drawn(picture, kind), kind), CONTENT_TYPES[kind]
    except ValidationError:
        raise
    # Decoders of hostile bytes raise whatever they run into.
    except Exception as error:
        raise _refused("it is no PNG, JPEG or WebP that can be read") from error


def _drawn(picture: Image.Image, kind: str) -> Image.Image:
    """The pixels alone, upright."""
    upright = ImageOps.exif_transpose(picture)
    drawn = upright.convert("RGB" if kind == "JPEG" else "RGBA")
    drawn.thumbnail((SIDE, SIDE))
    # Comments, places, profiles and the like, some of which would be written again.
    drawn.info = {}
    return drawn


def _encoded(drawn: Image.Image, kind: str) -> bytes:
    written = io.BytesIO()
    drawn.save(written, kind)
    return written.getvalue()


def _refused(why: str) -> ValidationError:
    return ValidationError({"image": [f"the logo cannot be kept: {why}"]})
