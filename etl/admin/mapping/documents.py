"""Files that people hand in: mappings as they were exported."""

import json
from typing import Any

from django.core.files.uploadedfile import UploadedFile

from custommapping.errors import Refused

MOST_BYTES = 1_000_000


def read_document(file: "UploadedFile[bytes] | None") -> Any:
    """The file's JSON. Raises Refused where there is no file, or it is too large or no JSON."""
    if file is None:
        raise Refused({"document": "choose a file first"})
    if (file.size or 0) > MOST_BYTES:
        raise Refused({"document": f"{file.name} is larger than {MOST_BYTES:,} bytes"})
    try:
        return json.loads(file.read())
    except (ValueError, RecursionError) as error:
        raise Refused({"document": f"{file.name} is no JSON: {error}"}) from error
