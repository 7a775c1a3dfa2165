"""What a fresh process costs: Python with the runtime imported, the first label, and memory at its highest."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.config import NO_ROLE
from benchmarks.subject import Subject
from benchmarks.suite import CHECKOUT

IMPORT = "import edge_runtime.classifier"


@pytest.mark.benchmark(group="import")
def test_import(take: Any) -> None:
    """A Python that imports the runtime with all it needs, LiteRT included, and ends."""
    command = [sys.executable, "-c", IMPORT]
    about = {"stage": "import", "role": NO_ROLE, "variant": NO_ROLE, "num_threads": 1, "batch": 1}
    done = take(lambda: subprocess.run(command, cwd=CHECKOUT, check=False), about, starts_process=True)
    assert done.returncode == 0


@pytest.mark.benchmark(group="cold_start")
def test_cold_start(take: Any, benchmark: Any, subject: Subject, tmp_path: Path) -> None:
    """A Python that imports the runtime, loads the model, classifies one file and ends."""
    image = tmp_path / "image.jpeg"
    image.write_bytes(subject.picture.content)
    command = [sys.executable, "-m", "benchmarks.cold"]
    command += [str(subject.classifier.path.absolute()), str(image), str(subject.num_threads)]
    peaks_kb = []

    def start() -> str:
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        peaks_kb.append(found["peak_kb"])
        return str(found["label"])

    label = take(start, subject.about("cold_start"), starts_process=True)
    benchmark.extra_info["peaks_kb"] = peaks_kb
    assert label in (*subject.classifier.card.labels, "None")  # a model of cells may find none
