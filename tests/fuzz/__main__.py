"""Search for bytes that break the runtime: `python -m tests.fuzz decode|card --seconds 60` (extra `fuzz`).

libFuzzer, through Atheris, changes the small files of tests/corpus.py so that they reach new code, in Pillow's Python
parts and ours; native decoders have no instruments, and are only run. What it keeps lies in build/fuzz, and is gone on
from. It ends with a traceback or with another status than 0 for anything but pixels, a card or a LeukoliteError, for
an input that takes longer than TIMEOUT_S or more memory than MEMORY_MB, and leaves that input in the folder.
"""

import argparse
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import atheris

with atheris.instrument_imports(include=["PIL", "edge_runtime"]):
    from edge_runtime import jpeg
    from edge_runtime.card import load_card
    from edge_runtime.errors import LeukoliteError
    from edge_runtime.image import Image, decode

from tests import corpus, tiny_model

FOLDER = Path("build/fuzz")
TIMEOUT_S = 5
MEMORY_MB = 1000  # with Python, Pillow and libFuzzer's own; sizes are limited before
LONGEST = 20_000  # bytes of an input


def decode_any(content: bytes) -> None:
    """Pixels of the size asked for, or a LeukoliteError: the same with simplejpeg and without."""
    answers = [_decoded(content)]
    if jpeg.read_header(content):
        with mock.patch.object(jpeg, "_decoder", return_value=None):
            answers.append(_decoded(content))
    if len(set(answers)) > 1:
        raise AssertionError("simplejpeg and Pillow differ")


def _decoded(content: bytes) -> bytes | str:
    """The pixels, or why there are none."""
    try:
        pixels = decode(content, height_px=12, width_px=16)
    except LeukoliteError as error:
        return str(error)
    if pixels.shape != (12, 16, 3) or pixels.dtype != "uint8":
        raise AssertionError(pixels)
    return pixels.tobytes()


def card_of_any(content: bytes) -> None:
    """A card, or a LeukoliteError: of these bytes as a bundle, as a card's text, and as one field of a good card."""
    for bundle in (content, corpus.zipped(content), corpus.zipped(_one_field(content))):
        try:
            json.dumps(load_card(bundle).to_json())
        except LeukoliteError:
            continue


def _one_field(content: bytes) -> bytes:
    """A card whose field that the first byte chooses is the JSON in the others, or their text."""
    card = tiny_model.CARD.to_json()
    owner = card["input"] if content[:1] > b"\x7f" else card
    names = list(owner)
    text = content[1:].decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    owner[names[content[0] % len(names) if content else 0]] = value
    return json.dumps(card).encode()


TARGETS: dict[str, Callable[[bytes], None]] = {"decode": decode_any, "card": card_of_any}


def main() -> None:
    """Write the first inputs, then search; does not return."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    Image.preinit()
    kept = FOLDER / args.target
    kept.mkdir(parents=True, exist_ok=True)
    if args.target == "decode":
        for case in corpus.small():
            (kept / case.name).write_bytes(case.content)
    else:
        (kept / "bundle").write_bytes(tiny_model.bundle_bytes())
        (kept / "card").write_text(json.dumps(tiny_model.CARD.to_json()))
        for number, value in enumerate(("1", "1e999", "NaN", "[]", "{}", "null", "true", '"text"', "[1, 2]")):
            for group in (0, 128):
                (kept / f"field-{group + number}").write_bytes(bytes([group + number]) + value.encode())
    limits = [f"-max_total_time={args.seconds}", f"-timeout={TIMEOUT_S}", f"-rss_limit_mb={MEMORY_MB}"]
    settings = [f"-max_len={LONGEST}", f"-artifact_prefix={FOLDER}/{args.target}-", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *limits, *settings, str(kept)], TARGETS[args.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
