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

import atheris

with atheris.instrument_imports(include=["PIL", "edge_runtime"]):
    from edge_runtime.card import load_card
    from edge_runtime.errors import LeukoliteError
    from edge_runtime.image import Image, decode

from tests import corpus, tiny_model

FOLDER = Path("build/fuzz")
TIMEOUT_S = 5
MEMORY_MB = 1000  # with Python, Pillow and libFuzzer's own; sizes are limited before
LONGEST = 20_000  # bytes of an input


def decode_any(content: bytes) -> None:
    """Pixels of the size asked for, or a LeukoliteError."""
    try:
        pixels = decode(content, height_px=12, width_px=16)
    except LeukoliteError:
        return
    if pixels.shape != (12, 16, 3) or pixels.dtype != "uint8":
        raise AssertionError(pixels)


def card_of_any(content: bytes) -> None:
    """A card, or a LeukoliteError, of a bundle; and of the text of a card in a bundle that is whole."""
    for bundle in (content, corpus.zipped(content)):
        try:
            json.dumps(load_card(bundle).to_json())
        except LeukoliteError:
            continue


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
    limits = [f"-max_total_time={args.seconds}", f"-timeout={TIMEOUT_S}", f"-rss_limit_mb={MEMORY_MB}"]
    settings = [f"-max_len={LONGEST}", f"-artifact_prefix={FOLDER}/{args.target}-", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *limits, *settings, str(kept)], TARGETS[args.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
