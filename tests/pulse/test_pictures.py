"""Pictures: what is kept of a picture, and which are refused."""

import struct
import zlib

import pytest
from django.core.exceptions import ValidationError
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pulse import pictures
from pulse.pictures import encoded_anew
from tests.support.pictures import opened, picture


def refusal(content: bytes) -> str:
    with pytest.raises(ValidationError) as error:
        encoded_anew(content)
    (message,) = error.value.message_dict["image"]
    return str(message)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_kept_in_its_own_format(kind: str) -> None:
    content, content_type = encoded_anew(picture(kind, (20, 10)))

    kept = opened(content)
    assert (kept.format, kept.size, content_type) == (kind, (20, 10), f"image/{kind.lower()}")


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "I;16"])
def test_a_picture_of_any_depth_is_kept(mode: str) -> None:
    assert opened(encoded_anew(picture(mode=mode))[0]).mode == "RGBA"


def test_a_jpeg_for_print_is_kept() -> None:
    assert opened(encoded_anew(picture("JPEG", mode="CMYK"))[0]).mode == "RGB"


def test_a_large_picture_is_made_smaller_and_keeps_its_shape() -> None:
    assert opened(encoded_anew(picture(size=(2000, 1000)))[0]).size == (512, 256)


def test_nothing_is_kept_beside_the_pixels() -> None:
    notes, exif = PngInfo(), Image.Exif()
    notes.add_text("Comment", "<script>secret</script>")
    exif[0x010E] = "secret place"

    kept = [
        encoded_anew(content)[0]
        for content in (
            picture(pnginfo=notes, icc_profile=b"secret profile", exif=exif) + b"secret tail",
            picture("JPEG", comment=b"secret", icc_profile=b"secret profile", exif=exif),
            picture("WEBP", icc_profile=b"secret profile", exif=exif, xmp=b"secret"),
        )
    ]

    assert not [content for content in kept if b"secret" in content]


def test_a_picture_that_was_taken_sideways_is_kept_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6

    assert opened(encoded_anew(picture("JPEG", (20, 10), exif=exif))[0]).size == (10, 20)


def test_of_a_moving_picture_the_first_frame_is_kept() -> None:
    frames = [Image.new("RGB", (8, 4), color) for color in ("red", "blue")]

    content, _ = encoded_anew(picture("PNG", save_all=True, append_images=frames))

    assert getattr(opened(content), "n_frames", 1) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html><script>alert(1)</script></html>",
        b"GIF89a" + bytes(100),
        picture("GIF"),
        picture("BMP"),
        picture("TIFF"),
        picture("PDF"),
        picture()[:40],
        picture("JPEG")[:200],
        b"\x89PNG\r\n\x1a\n" + bytes(100),
    ],
    ids=["nothing", "svg", "html", "gif header", "gif", "bmp", "tiff", "pdf", "cut png", "cut jpeg", "no png"],
)
def test_what_is_no_such_picture_is_refused(content: bytes) -> None:
    assert refusal(content) == "the logo cannot be kept: it is no PNG, JPEG or WebP that can be read"


def bomb(width: int, height: int) -> bytes:
    """A PNG of few bytes that says it has so many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("width", "height"), [(10_000, 1_001), (60_000, 60_000), (1, 10_000_001), (2**31 - 1, 2**31 - 1)]
)
def test_a_bomb_is_refused_before_it_is_decoded(width: int, height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_drawn", lambda *_: pytest.fail("it was decoded"))

    assert refusal(bomb(width, height)).startswith("the logo cannot be kept: it ")


def test_a_picture_of_too_many_bytes_is_refused() -> None:
    assert "more than 2000000" in refusal(picture() + bytes(pictures.MOST_BYTES))
