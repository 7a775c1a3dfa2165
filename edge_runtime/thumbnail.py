"""Small pictures inside an HTML page that needs no other file."""

import base64
import io
import os

from PIL import Image

from edge_runtime.errors import LeukoliteError
from edge_runtime.image import decode

_QUALITY = 80


def thumbnail(path: str | os.PathLike[str], *, height_px: int, width_px: int) -> str:
    """A picture as a JPEG of that size in a `data:` address; black where it cannot be read (any more)."""
    try:
        picture = Image.fromarray(decode(path, height_px=height_px, width_px=width_px))
    except LeukoliteError:
        picture = Image.new("RGB", (width_px, height_px))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
