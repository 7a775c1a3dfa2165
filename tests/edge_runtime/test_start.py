"""What the start of a command loads, by name: one import too many is time on each start, and memory on a small board.

How long it takes is measured by `python -m benchmarks start`.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from edge_runtime.sample import sample_jpeg

ROOT = Path(__file__).parents[2]
NEEDED = ("numpy", "PIL.Image", "ai_edge_litert.interpreter")  # the floor that a start is measured against
OURS = {"edge_runtime", "edge_runtime.__main__", "edge_runtime.command", "edge_runtime.errors", "edge_runtime.options"}
# What argparse imports when it is used is among it.
PARSING = ("argparse", "collections.abc", "gc", "locale", "shutil", "signal", "textwrap", "threading", "typing")

CLASSIFYING = OURS | {
    f"edge_runtime.{name}"
    for name in (
        *("bundle", "card", "classifier", "files", "formats", "golden", "image", "inputs", "integrity", "jpeg"),
        *(
            "fitness",
            "kept",
            "locate",
            "memory",
            "model",
            "native",
            "parallel",
            "prediction",
            "progress",
            "quantization",
            "ranks",
            "squares",
            "table",
            "terminal",
            "view",
            "white",
        ),
    )
}
# zipfile and json for the card, hashlib for digests.
STANDARD = (*PARSING, "dataclasses", "hashlib", "json", "pathlib", "zipfile", "numpy.typing", "encodings.cp437")


def loaded(code: str, *arguments: object) -> set[str]:
    """The names of all modules that a fresh Python has loaded when code is done; what it prints is thrown away."""
    command = [sys.executable, "-c", f"import sys\n{code}\nprint('\\nloaded:', *sys.modules)", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.rpartition("loaded:")[2].split())


def imports(*names: str) -> str:
    return "\n".join(f"import {name}" for name in names)


RUN = "from edge_runtime.__main__ import main\ntry:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass"


@pytest.fixture(scope="module")
def photograph(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("photograph") / "one.jpg"
    path.write_bytes(sample_jpeg())
    return path


@pytest.fixture(scope="module")
def allowed() -> set[str]:
    """For one JPEG: with what each name of the lists imports itself, which is another in each Python."""
    return loaded(imports(*NEEDED, *STANDARD, "simplejpeg", "PIL.ImageChops")) | CLASSIFYING


def test_classifying_one_jpeg_loads_what_is_listed_here_and_nothing_else(photograph, allowed):
    found = loaded(RUN, "classify", photograph)
    assert found - allowed == set()
    assert found >= CLASSIFYING | {*NEEDED}  # the list is of what is there


@pytest.mark.parametrize("arguments", [("--help",), ("classify", "--help"), ("--version",)], ids=" ".join)
def test_help_loads_the_parser_and_nothing_else(arguments):
    found = loaded(RUN, *arguments)
    assert found - loaded(imports(*PARSING)) - OURS == set()


def test_one_import_more_is_seen(photograph, allowed):
    assert loaded(f"import csv\n{RUN}", "classify", photograph) - allowed == {"csv", "_csv"}
