"""Pictures for tests."""

import io
from typing import Any

from PIL import Image


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 4), mode: str = "RGB", **more: Any) -> bytes:
    """A picture of one colour, in one of Pillow's formats."""
    written = io.BytesIO()
    Image.new(mode, size).save(written, kind, **more)
    return written.getvalue()


def opened(content: bytes) -> Image.Image:
    """The picture, decoded."""
    found = Image.open(io.BytesIO(content))
    found.load()
    return found
