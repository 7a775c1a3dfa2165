"""The wheel holds edge_runtime and its models only, and classifies where nothing else of ours is installed."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from edge_runtime.options import SHELLS
from train.smears import SmearSettings, generate

CHECKOUT = Path(__file__).parent.parent

# A finder that stands before all others and knows no TensorFlow: what is not installed on a Raspberry Pi.
BLOCKED = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"tensorflow", "tf_keras", "keras", "train", "convert", "benchmarks", "rich"}:
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocker())
from edge_runtime.__main__ import main
raise SystemExit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def picture(tmp_path_factory) -> Path:
    settings = SmearSettings(images_per_class=1, sources=(1, 1, 1, 1))
    return next(generate(tmp_path_factory.mktemp("smears") / "root", settings=settings).rglob("*.jpeg"))


def test_it_holds_the_runtime_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].removesuffix(".dist-info").split("-")[0] for name in names} == {
        "edge_runtime",
        "leukolite",
    }
    assert "edge_runtime/tested.jsonl" in names
    assert {f"edge_runtime/completion/leukolite.{shell}" for shell in SHELLS} < set(names)
    models = {name for name in names if name.startswith("edge_runtime/models/")}
    assert {Path(name).name for name in models} >= {
        "leukolite-int8.tflite",
        "leukolite-float32.tflite",
        "SHA256SUMS",
        "MODEL_CARD.md",
    }


def test_its_base_dependencies_are_the_three_of_the_device(wheel):
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (name for name in archive.namelist() if name.endswith("METADATA"))
    required = [
        line.split()[1]
        for line in archive.read(metadata).decode().splitlines()
        if line.startswith("Requires-Dist:") and "extra ==" not in line
    ]
    assert {name.split(">")[0].split("<")[0] for name in required} == {"ai-edge-litert", "numpy", "pillow"}


def test_it_classifies_from_the_wheel_alone(wheel, picture, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", BLOCKED, "classify", str(picture), "--format", "csv"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    header, row = done.stdout.splitlines()
    assert header.startswith("path,label,confidence")
    assert row.split(",")[1] in {"EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL"}
