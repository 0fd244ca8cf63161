"""Pictures in forms and pages: logos of tenants and of what belongs to them."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.utils.html import format_html
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldBooleanWidget

from pulse.pictures import CONTENT_TYPES, MOST_BYTES, encoded_anew

SECONDS = 3600


class LogoField(forms.FileField):
    """A picture that can be kept, as its bytes; None where none was given."""

    def __init__(self) -> None:
        told = "PNG, JPEG or WebP, up to 2 MB."
        widget = UnfoldAdminFileFieldWidget(attrs={"accept": ",".join(CONTENT_TYPES.values())})
        super().__init__(required=False, label="New logo", help_text=told, widget=widget)

    def clean(self, data: Any, initial: Any = None) -> bytes | None:
        given: UploadedFile[bytes] | None = super().clean(data, initial)
        if not given:
            return None
        content: bytes = given.read(MOST_BYTES + 1)
        try:
            encoded_anew(content)
        except ValidationError as error:
            raise ValidationError(error.messages) from error
        return content


def without_logo_field() -> forms.BooleanField:
    return forms.BooleanField(required=False, label="Take the logo away", widget=UnfoldBooleanWidget())


def picture_shown(address: str, of: object) -> str:
    return format_html('<img src="{}" alt="Logo of {}" style="max-height: 4rem">', address, of)


def picture_answer(logo: Any) -> HttpResponse:
    """The picture of a row with ``content`` and ``content_type``."""
    answer = HttpResponse(bytes(logo.content), content_type=logo.content_type)
    answer["Cache-Control"] = f"private, max-age={SECONDS}"
    # Nothing in it is ever run, whatever a browser takes it for.
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer
