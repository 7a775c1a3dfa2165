"""The main job from images to a gated int8 bundle, through the command lines alone, each in a process of its own."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from convert.config import BUNDLE_NAMES
from edge_runtime.dataset import open_dataset
from edge_runtime.groups import read_groups, sample
from train.cells import KNOWN_GROUPS

ROOT = Path(__file__).parent.parent
LABELS = ["EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL"]
TINY = ["--preset", "quick", "--widths", "4,6,8", "--epochs", "1", "--qat-epochs", "1", "--seed", "5"]
# One epoch on some dozen pictures teaches nothing: this asks for figures to be there, not for any height.
LENIENT = "min_accuracy = 0\nmin_tpr = 0\nmin_tnr = 0\nmax_accuracy_drop = 1\nmax_tpr_drop = 1\nmax_tnr_drop = 1\n"
STRICT = "min_accuracy = 1\nmin_tpr = 1\nmin_tnr = 1\n"


class Workplace:
    """A folder in which commands are run, as from a checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *command: str, status: int = 0) -> str:
        """What `python -m` with these arguments prints; fails the test when it ends with another status."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-m", *command], cwd=self.folder, env=environment, capture_output=True, text=True
        )
        assert done.returncode == status, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout

    def json(self, name: str) -> dict:
        """A JSON file in the folder."""
        return json.loads((self.folder / name).read_text())


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    (tmp_path / "lenient.toml").write_text(LENIENT)
    (tmp_path / "strict.toml").write_text(STRICT)
    return Workplace(tmp_path)


def whole_job(workplace: Workplace, *, images: int, rehearsal: bool) -> None:
    """Every stage on the data set in `cells`, whose TRAIN has so many images."""
    link = workplace.run("train", "data", "--data", "cells", "--out", "data").strip()
    assert (workplace.folder / link).resolve() == workplace.folder / "cells"
    given = ["--data", link, "--groups", "data/groups.csv"]
    train(workplace, given, images=images, rehearsal=rehearsal)

    printed = workplace.run("convert", "--float", "float", "--qat", "qat", *given, "--out", "bundles")
    assert re.findall(r"^\| (\w+) +\| +[\d,]+ \| +[01]\.\d{4} ", printed, re.MULTILINE) == list(BUNDLE_NAMES)
    written = {path.name for path in (workplace.folder / "bundles").iterdir()}
    assert written > {"SHA256SUMS", "calibration.json", "variants.json", *BUNDLE_NAMES.values()}

    reports = evaluate(workplace, given)
    gate = ["edge_runtime", "gate", "--candidate", "int8.json", "--reference", "float32.json", "--policy"]
    assert "gate: PASS" in workplace.run(*gate, "lenient.toml", "--json", "verdict.json")
    assert workplace.json("verdict.json")["verdict"] == "PASS"
    misses = reports["int8"]["accuracy"] < 1
    workplace.run(*gate, "strict.toml", status=1 if misses else 0)
    classify(workplace)


def train(workplace: Workplace, given: list[str], *, images: int, rehearsal: bool) -> None:
    """Both stages of training."""
    assert "held-out balanced accuracy" in workplace.run("train", "float", *given, *TINY, "--out", "float")
    workplace.run("train", "qat", *given, "--run", "float", "--learning-rate", "2e-4", "--out", "qat")
    for stage in ("float", "qat"):
        run = workplace.json(f"{stage}/run.json")
        assert (run["data"]["n"], run["rehearsal"], run["labels"]) == (images, rehearsal, LABELS)
        assert (run["groups"], run["settings"]["network"]["widths"]) == ("groups.csv", [4, 6, 8])
        assert workplace.json(f"{stage}/held_out.json")["n"] == images
        files = {path.name for path in (workplace.folder / stage).iterdir()}
        assert {"confusion.png", "curves.png", "history.csv", "settings.json", "model", "weights.h5"} <= files
        assert "checkpoints" not in files  # the run is done
        assert ("ptq_logits.npz" in files) == (stage == "qat")


def evaluate(workplace: Workplace, given: list[str]) -> dict[str, dict]:
    """Both reports, which must agree with the cards."""
    reports = {}
    for name in ("int8", "float32"):
        bundle = f"bundles/leukolite-{name}.tflite"
        workplace.run("edge_runtime", "evaluate", "-m", bundle, *given, "--report", f"{name}.json")
        report, card = workplace.json(f"{name}.json"), json.loads(workplace.run("edge_runtime", "info", bundle))
        test = open_dataset(workplace.folder / "cells", split="TEST")
        assert (report["n"], report["n_errors"], report["data"]["split"]) == (len(test.images), 0, "TEST")
        assert card["accuracy"]["accuracy"] == report["accuracy"]
        assert card["accuracy"]["data_sha256"] == report["data"]["sha256"]
        assert card["training"]["rehearsal"] == workplace.json("float/run.json")["rehearsal"]
        reports[name] = report
    return reports


def classify(workplace: Workplace) -> None:
    """One image by the int8 bundle, which must say what its report says of it."""
    row = workplace.json("int8.json")["predictions"][0]
    image, bundle = f"cells/images/{row['path']}", "bundles/leukolite-int8.tflite"
    answer = json.loads(workplace.run("edge_runtime", "classify", image, "-m", bundle, "--format", "jsonl"))
    assert (answer["label"], answer["confidence"], answer["error"]) == (row["predicted"], row["confidence"], None)
    assert list(answer["probabilities"]) == LABELS
    # An int8 softmax divided by its own sum: float32 rounding is left.
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-6)


def test_the_whole_job_on_generated_smears(workplace):
    workplace.run("train", "smears", "--out", "cells", "--images-per-class", "12", "--seed", "3")
    whole_job(workplace, images=48, rehearsal=True)
    for stage in ("float", "qat"):
        assert "weights bit for bit" in workplace.run("train", "reproduce", stage)
        assert workplace.json(f"{stage}-again/reproduced.json")["identical"] is True


def test_the_whole_job_on_a_sample_of_the_real_cells(workplace, data_root):
    known = read_groups(KNOWN_GROUPS)
    for split, per_class in (("TRAIN", 12), ("TEST", 6)):
        data = open_dataset(data_root, split=split)
        for index in sample(data.images, known.assign(data.images), per_class=per_class, seed=0):
            image = data.images[index]
            target = workplace.folder / "cells" / "images" / image.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(image.path, target)
    whole_job(workplace, images=48, rehearsal=False)
