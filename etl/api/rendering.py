"""Answers as JSON."""

from typing import Any

import orjson
from rest_framework.renderers import JSONRenderer

_HOW = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


class Json(JSONRenderer):
    """JSON; what stands in it as `orjson.Fragment` is JSON already: nobody reads it on the way."""

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        if data is None:
            return b""
        try:
            return orjson.dumps(data, default=str, option=_HOW)
        except orjson.JSONEncodeError:  # a number of more than 64 bits, which a site may well have sent
            written: bytes = super().render(data, accepted_media_type, renderer_context)
            return written
