"""What docs/ci.md promises to those who gate their own model: its snippets are run as they stand."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from benchmarks import mutants
from edge_runtime.__main__ import build_parser
from edge_runtime.card import read_model
from edge_runtime.command import DONE, FAILED
from edge_runtime.gate import load_policy
from edge_runtime.model import read_signature
from tests import tiny_model
from tests.conftest import COLORS

CHECKOUT = Path(__file__).parent.parent
PAGE = (CHECKOUT / "docs" / "ci.md").read_text()
LABELS = tuple(COLORS)

# A Keras model that knows colours without training: the mean colour and one dense layer.
THEIR_MODEL = """
import numpy as np
import tensorflow as tf
weights, bias = np.array({weights}).T, np.array({bias})
dense = tf.keras.layers.Dense(4, activation="softmax")
model = tf.keras.Sequential([
    tf.keras.Input((12, 16, 3)),
    tf.keras.layers.Rescaling(1 / 255),
    tf.keras.layers.AveragePooling2D((12, 16)),
    tf.keras.layers.Flatten(),
    dense,
])
dense.set_weights([weights, bias])
model.save("model.keras")
"""


def snippet(language: str, *words: str) -> str:
    """The page's one code block of a language that holds these words."""
    blocks = [code for name, code in re.findall(r"```(\w*)\n(.*?)```", PAGE, flags=re.DOTALL) if name == language]
    (found,) = [block for block in blocks if all(word in block for word in words)]
    return found


@pytest.fixture(scope="module")
def workplace(tmp_path_factory) -> Path:
    """A folder with their images and the two .tflite files that the page's snippet makes of their Keras model."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("theirs")
    for split, count in (("TRAIN", 20), ("TEST", 30)):
        for label, color in COLORS.items():
            (folder / "images" / split / label).mkdir(parents=True)
            for number in range(count):
                # No two alike, as photographs are not.
                shade = tuple(min(255, channel + number) for channel in color)
                Image.new("RGB", (32, 24), shade).save(folder / "images" / split / label / f"{number}.png")
    model = THEIR_MODEL.format(weights=tiny_model._WEIGHTS.tolist(), bias=tiny_model._BIAS.tolist())
    # Keras 3, as theirs: the variable that our own training sets is not for them.
    environment = {key: value for key, value in os.environ.items() if key != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run(
        [sys.executable, "-c", model + snippet("python", "TFLiteConverter")],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(CHECKOUT), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS))
    names = [path.relative_to(folder / "images") for path in sorted((folder / "images").rglob("*.png"))]
    rows = "".join(f"{name},{name},{name}\n" for name in names)  # each is a cell of its own
    (folder / "groups.csv").write_text("path,source,group\n" + rows)
    return folder


def leukolite(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "edge_runtime", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
    )


def test_the_snippet_makes_models_that_the_runtime_takes(workplace):
    for name in ("reference", "int8"):
        signature = read_signature(read_model(workplace / f"{name}.tflite"))
        assert (signature.height_px, signature.width_px, signature.num_classes) == (12, 16, 4)


def test_three_commands_give_a_green_job_and_a_red_one(workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    (workplace / "gate.toml").write_text(snippet("toml", "max_tpr_drop"))
    commands = [line.split()[1:] for line in snippet("", "--labels").splitlines()]
    assert [command[0] for command in commands] == ["evaluate", "evaluate", "gate"]
    assert [leukolite(workplace, *command).returncode for command in commands[:2]] == [DONE, DONE]
    done = leukolite(workplace, *commands[2], "--json", "v.json")
    # Thirty images settle no drop of five points: the page's policy reports that.
    assert (done.returncode, json.loads((workplace / "v.json").read_text())["verdict"]) == (3, "INCONCLUSIVE")
    (workplace / "gate.toml").write_text("max_accuracy_drop = 0.2\nmax_tpr_drop = 0.2\nmax_tnr_drop = 0.2\n")
    done = leukolite(workplace, *commands[2])
    assert (done.returncode, done.stdout.splitlines()[-1][:10]) == (DONE, "gate: PASS")
    worse = mutants.damaged(read_model("int8.tflite"), mutants.find("int8.tflite", None))
    (workplace / "worse.tflite").write_bytes(worse)
    leukolite(workplace, *["worse.tflite" if part == "int8.tflite" else part for part in commands[1]])
    done = leukolite(workplace, *commands[2])
    assert (done.returncode, done.stdout.splitlines()[-1][:10]) == (FAILED, "gate: FAIL")


def test_the_page_s_policy_is_one(tmp_path):
    (tmp_path / "gate.toml").write_text(snippet("toml", "max_tpr_drop"))
    assert load_policy(tmp_path / "gate.toml").inconclusive == "report"


def test_the_pytest_snippet_runs(tmp_path, monkeypatch):
    from tests.edge_runtime.gate.made import made

    (tmp_path / "reports").mkdir()
    made(950, 950, 950).save(tmp_path / "reports" / "released.json")
    monkeypatch.chdir(tmp_path)
    scope: dict = {}
    exec(compile(snippet("python", "def test_"), "ci.md", "exec"), scope)
    made(950, 950, 950, model={"sha256": "new"}).save("reports/new.json")
    scope["test_the_new_model_is_no_worse"]()
    made(950, 600, 950).save("reports/new.json")
    with pytest.raises(AssertionError, match="FAIL min_tpr of B"):
        scope["test_the_new_model_is_no_worse"]()


@pytest.mark.parametrize("words", ["uses: OWNER", "junit: gate.xml", "rev: v0.1.0"])
def test_the_page_s_yaml_is_yaml(words):
    assert yaml.safe_load(snippet("yaml", words))


def test_options_that_the_page_and_the_action_name_exist():
    commands = build_parser()._subparsers._group_actions[0].choices.values()
    known = {option for command in commands for option in command._option_string_actions}
    text = (CHECKOUT / "action.yml").read_text().replace("pip install --quiet", "") + snippet("", "--labels")
    assert set(re.findall(r"(?<=\s)--[a-z]+(?=\s)", text)) - known == set()


class Action:
    """The composite action's steps, run with bash as GitHub's runner runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps = yaml.safe_load((CHECKOUT / "action.yml").read_text())
        self.inputs = {name: each.get("default", "") for name, each in self.steps["inputs"].items()}

    def run(self, **inputs: str) -> subprocess.CompletedProcess[str]:
        """The step that gates (not the one that installs)."""
        (step,) = [each for each in self.steps["runs"]["steps"] if each.get("id") == "gate"]
        values = {**self.inputs, **inputs}
        environment = {
            name: values[re.fullmatch(r"\$\{\{ inputs\.(\w+) \}\}", text)[1]] for name, text in step["env"].items()
        }
        (self.folder / "bin").mkdir(exist_ok=True)
        command = self.folder / "bin" / "leukolite"
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -m edge_runtime "$@"\n')
        command.chmod(0o755)
        path = {
            "PATH": f"{command.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(CHECKOUT),
        }
        files = {name: str(self.folder / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        return subprocess.run(
            ["bash", "-c", step["run"]],
            cwd=self.folder,
            env={**os.environ, **path, **files, **environment},
            capture_output=True,
            text=True,
        )


@pytest.fixture
def action(workplace, tmp_path) -> Action:
    (tmp_path / "images").symlink_to(workplace / "images")
    for name in ("int8.tflite", "reference.tflite", "labels.txt"):
        (tmp_path / name).symlink_to(workplace / name)
    return Action(tmp_path)


def test_the_action_gates_models_and_reports(action):
    (action.folder / "p.toml").write_text("max_accuracy_drop = 0.2\nmax_tpr_drop = 0.2\nmax_tnr_drop = 0.2\n")
    done = action.run(
        candidate="int8.tflite", reference="reference.tflite", data="images", labels="labels.txt", policy="p.toml"
    )
    assert done.returncode == 0, done.stderr
    out = action.folder / "leukolite-gate"
    names = {"candidate.json", "reference.json", "verdict.json", "junit.xml", "summary.md", "page.html"}
    assert {path.name for path in out.iterdir()} == names
    assert "verdict=PASS" in (action.folder / "GITHUB_OUTPUT").read_text()
    assert "gate: PASS" in (action.folder / "GITHUB_STEP_SUMMARY").read_text()
    again = action.run(candidate=str(out / "candidate.json"), reference=str(out / "reference.json"), out="again")
    assert again.returncode == FAILED  # thirty images of a class, and the default policy
    assert "verdict=INCONCLUSIVE" in (action.folder / "GITHUB_OUTPUT").read_text()


def test_the_candidate_of_an_earlier_run_can_be_the_reference_of_the_next(action):
    from tests.edge_runtime.gate.made import made

    out = action.folder / "leukolite-gate"
    out.mkdir()
    made(950, 950, 950).save(out / "candidate.json")
    made(950, 860, 950).save(action.folder / "worse.json")  # above every minimum: only a reference tells
    done = action.run(candidate="worse.json", reference="leukolite-gate/candidate.json")
    assert done.returncode == FAILED, done.stderr
    assert "verdict=FAIL" in (action.folder / "GITHUB_OUTPUT").read_text()
    again = action.run(candidate="leukolite-gate/candidate.json", reference="leukolite-gate/reference.json")
    assert again.returncode == FAILED, again.stderr
    assert {path.name for path in out.glob("*.json")} == {"candidate.json", "reference.json", "verdict.json"}


def test_the_action_takes_no_name_for_a_command(action):
    done = action.run(candidate="$(touch hacked); touch hacked.tflite", reference="`touch hacked`.json", data="images")
    assert done.returncode != 0
    assert not (action.folder / "hacked").exists()


def test_an_action_that_cannot_judge_fails_without_a_verdict(action):
    (action.folder / "bad.json").write_text("{}")
    done = action.run(candidate="bad.json", reference="bad.json")
    assert done.returncode == 2
    assert not (action.folder / "GITHUB_OUTPUT").exists()
