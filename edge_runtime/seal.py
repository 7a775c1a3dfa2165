"""A digest inside a JSON file over all else that is in it: one cut short or edited by hand gives itself away.

It is no signature. Who edits a file on purpose can reckon the digest again; what it finds is accidents and slips.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from edge_runtime.files import fields_of

SEAL = "digest"


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON object without its own digest, whatever the order and the spacing of its text.

    The text is made piece by piece and never held as a whole. Raises ValueError for NaN, which JSON has not.
    """
    encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, default=fields_of)
    whole = hashlib.sha256()
    for piece in encoder.iterencode({name: value for name, value in content.items() if name != SEAL}):
        whole.update(piece.encode("ascii"))
    return whole.hexdigest()


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The object with its digest, as its last field."""
    return {**content, SEAL: digest(content)}


def is_whole(content: Mapping[str, Any]) -> bool:
    """Whether an object is as it was when it was sealed; one with a NaN, or too deep to be written, never was."""
    try:
        return content.get(SEAL) == digest(content)
    except (ValueError, RecursionError):
        return False
