"""Who may import whom. The device runs edge_runtime alone, so that one stray import would break every device."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"edge_runtime", "train", "convert", "benchmarks", "tests"}
RUNTIME_NEEDS = {"edge_runtime", "numpy", "PIL", "ai_edge_litert"}  # the wheel's dependencies
# Its extras, and what LiteRT brings for its own schema: inside functions only, where their absence can be met.
RUNTIME_MAY_USE = {"flatbuffers", "matplotlib", "pyarrow", "ray", "rich"}
ABSENT_ON_THE_DEVICE = OURS - {"edge_runtime"} | {
    *("tensorflow", "tf_keras", "keras", "tensorflow_model_optimization", "tflite_runtime"),
    *("sklearn", "scipy", "pandas", "matplotlib", "rich", "pytest", "kagglehub", "flatbuffers"),
    *("ray", "pyarrow", "fsspec"),
}


def imports(tree: ast.AST, *, inside: bool = False) -> Iterator[tuple[str, int, bool]]:
    """Each imported top-level name, its line, and whether it is imported inside a function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").partition(".")[0], node.lineno, inside
        elif isinstance(node, ast.Call) and node.args and _name(node.func) in ("import_module", "__import__"):
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str) and not name.value.startswith("."):
                yield name.value.partition(".")[0], node.lineno, inside
        yield from imports(node, inside=inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _name(function: ast.expr) -> str:
    """The last part of a called name."""
    return getattr(function, "attr", getattr(function, "id", ""))


def violations(root: Path) -> list[str]:
    """Each import that the layers forbid, as `file:line: name`."""
    found = []
    for package in sorted(OURS - {"tests"}):
        for path in sorted((root / package).rglob("*.py")):
            for name, line, inside in imports(ast.parse(path.read_text(encoding="utf-8"))):
                if not _allowed(package, name, inside=inside):
                    found.append(f"{path.relative_to(root)}:{line}: {name}")
    return found


def _allowed(package: str, name: str, *, inside: bool) -> bool:
    """Whether code of one of our folders may import a name."""
    if package != "edge_runtime":
        return name not in OURS or name in (package, "edge_runtime")
    return name in sys.stdlib_module_names or name in RUNTIME_NEEDS or (inside and name in RUNTIME_MAY_USE)


def test_every_import_keeps_to_its_layer():
    assert violations(ROOT) == []


def test_the_folders_that_are_checked_are_there():
    assert len(list((ROOT / "edge_runtime").glob("*.py"))) > 15


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("edge_runtime/x.py", "import train"),
        ("edge_runtime/x.py", "import numpy, convert.bundle"),
        ("edge_runtime/x.py", "from benchmarks import suite"),
        ("edge_runtime/deep/x.py", "def f():\n    from train.config import Settings"),
        ("edge_runtime/x.py", "def f():\n    import tensorflow as tf"),
        ("edge_runtime/x.py", "if True:\n    import tf_keras"),
        ("edge_runtime/x.py", "try:\n    import keras\nexcept ImportError:\n    pass"),
        ("edge_runtime/x.py", "from importlib import import_module\nimport_module('tensorflow.lite')"),
        ("edge_runtime/x.py", "__import__('train')"),
        ("edge_runtime/x.py", "import scipy"),
        ("edge_runtime/x.py", "import rich"),
        ("edge_runtime/x.py", "from ray import data"),
        ("edge_runtime/x.py", "class C:\n    from pyarrow import fs"),
        ("edge_runtime/x.py", "class C:\n    import rich.progress"),
        ("train/x.py", "import convert"),
        ("train/x.py", "from benchmarks.suite import run"),
        ("convert/x.py", "def f():\n    from train import network"),
        ("benchmarks/x.py", "import train.stages"),
        ("benchmarks/x.py", "from tests import tiny_model"),
    ],
)
def test_planted_violation_is_found(tmp_path, path, code):
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(code)
    (found,) = violations(tmp_path)
    assert found.startswith(f"{path}:")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("edge_runtime/x.py", "import json, numpy.typing\nfrom PIL import Image\nfrom edge_runtime import card"),
        ("edge_runtime/x.py", "from . import card\nfrom .card import Card"),
        ("edge_runtime/x.py", "def f():\n    from rich import progress"),
        ("edge_runtime/x.py", "class C:\n    def f(self):\n        from pyarrow import fs\n        import ray.data"),
        ("train/x.py", "import tensorflow\nfrom train import config\nfrom edge_runtime.image import decode"),
        ("convert/x.py", "from convert.config import Settings"),
        ("benchmarks/x.py", "import pytest\nimport benchmarks.config"),
        ("tests/x.py", "import train, convert, benchmarks"),
    ],
)
def test_good_import_is_not_found(tmp_path, path, code):
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(code)
    assert violations(tmp_path) == []


BLOCKED = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError("blocked: " + name, name=name)

sys.meta_path.insert(0, Absent())
"""


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs code in a process of its own that finds our checkout."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def on_the_device(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs code where everything that a device lacks raises on import."""
    return python(BLOCKED.format(absent=ABSENT_ON_THE_DEVICE) + code, *arguments)


MAIN = "from edge_runtime.__main__ import main\nraise SystemExit(main(sys.argv[1:]))"


def test_classify_runs_on_the_dependencies_of_the_wheel_alone(picture, bundle):
    done = on_the_device(MAIN, "classify", picture("a.png", color="GREEN"), "-m", bundle, "--format", "csv")
    assert done.returncode == 0, done.stderr
    assert ",GREEN," in done.stdout


def test_evaluate_and_gate_run_on_the_dependencies_of_the_wheel_alone(colors, bundle, tmp_path):
    report = tmp_path / "r.json"
    done = on_the_device(MAIN, "evaluate", "-m", bundle, "--data", colors, "--report", report)
    assert done.returncode == 0, done.stderr
    done = on_the_device(MAIN, "gate", "--candidate", report, "--reference", report)
    assert done.returncode == 0, done.stderr


def test_bulk_says_on_a_device_what_it_lacks(picture, bundle, tmp_path):
    done = on_the_device(MAIN, "bulk", picture("in/a.png").parent, tmp_path / "out", "-m", bundle)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].endswith("install the extra `cluster`")


@pytest.mark.parametrize("name", ["tensorflow", "train", "rich.progress", "ray.data"])
def test_the_block_blocks(name):
    assert f"blocked: {name.partition('.')[0]}" in on_the_device(f"import {name}").stderr


@pytest.mark.parametrize(
    "code",
    [
        "import edge_runtime",
        "from edge_runtime.__main__ import build_parser\nbuild_parser()",
        "from edge_runtime.__main__ import main\ntry:\n    main(['--version'])\nexcept SystemExit:\n    pass",
    ],
    ids=["package", "parser", "version"],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code):
    heavy = {"numpy", "PIL", "ai_edge_litert", "rich", "tensorflow", "ray", "pyarrow"}
    done = python(f"{code}\nimport sys\nprint(*{heavy} & set(sys.modules))")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == ""


def test_public_names_load_when_asked_for():
    code = "import edge_runtime as e\nprint(*(getattr(e, name).__name__ for name in e.__all__))\ne.nothing"
    done = python(code)
    assert done.stdout.split() == ["Classifier", "Prediction", "load_card"]
    assert done.stderr.splitlines()[-1] == "AttributeError: module 'edge_runtime' has no attribute 'nothing'"
