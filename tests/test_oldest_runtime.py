"""The oldest runtime that cards name, installed and asked: it gives the same answers, and has the operators we say."""

import json
import tomllib
from pathlib import Path

import pytest

from convert.config import OLDEST_RUNTIME
from convert.operators import NEWEST_VERSIONS, check_versions
from edge_runtime.card import load_card, read_model
from edge_runtime.classifier import MODELS, SHIPPED_MODEL, SHIPPED_REFERENCE
from tests.convert.graphs import edited, one_operator
from tests.environments import CHECKOUT, environment, run_there

CELL = CHECKOUT / "reports" / "cell" / "bundles"
REQUIREMENT = OLDEST_RUNTIME.replace(" ", "==")

GOLDEN = """
import importlib.metadata, json, sys
from edge_runtime.classifier import Classifier
from edge_runtime.golden import golden_record
classifier = Classifier(sys.argv[1])
version = importlib.metadata.version("ai-edge-litert")
print(json.dumps([version, classifier.model.uses_delegate, golden_record(classifier.model)]))
"""
LOADS = """
import json, sys
from pathlib import Path
from ai_edge_litert.interpreter import Interpreter
def loads(path):
    try:
        Interpreter(model_content=path.read_bytes())
    except ValueError as error:
        return str(error)
    return None
print(json.dumps({path.name: loads(path) for path in Path(sys.argv[1]).iterdir()}))
"""


@pytest.fixture(scope="module")
def oldest(tmp_path_factory) -> Path:
    """An interpreter with the oldest runtime and the two other dependencies of the wheel."""
    return environment(tmp_path_factory.mktemp("oldest") / "venv", REQUIREMENT, "numpy", "pillow")


def printed(python: Path, code: str, argument: Path):
    """What the code prints there, from JSON."""
    done = run_there(python, code, argument)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def loaded(python: Path, folder: Path, models: dict[str, bytes]) -> dict[str, str | None]:
    """Why each model cannot be loaded there, or None."""
    for name, content in models.items():
        (folder / name).write_bytes(content)
    return printed(python, LOADS, folder)


def test_wheel_allows_no_older_one():
    dependencies = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["dependencies"]
    (lower,) = (name.split(">=")[1] for name in dependencies if name.startswith("ai-edge-litert>="))
    assert f"ai-edge-litert=={lower}.0" == REQUIREMENT


@pytest.mark.parametrize("folder", [MODELS, CELL], ids=["field", "cell"])
@pytest.mark.parametrize(
    ("name", "tolerance"),
    # As on this runtime (test_shipped.py): int8 is exact, float32 sums in another order.
    [(SHIPPED_MODEL.name, 0), (SHIPPED_REFERENCE.name, 1e-4)],
)
def test_it_reproduces_the_golden_output(oldest, folder, name, tolerance):
    card = load_card(folder / name)
    version, uses_delegate, record = printed(oldest, GOLDEN, folder / name)
    assert (f"ai-edge-litert {version}", uses_delegate) == (OLDEST_RUNTIME, True)
    assert card.runtime == OLDEST_RUNTIME
    assert record["input_sha256"] == card.golden["input_sha256"]
    assert record["output"] == pytest.approx(card.golden["output"], abs=tolerance, rel=0)


def test_it_has_the_versions_of_operators_that_we_say_and_none_newer(oldest, tmp_path):
    newest = {f"{name}-{version}": one_operator(name, version) for name, version in NEWEST_VERSIONS.items()}
    next_ones = {f"{name}-{v + 1}": one_operator(name, v + 1) for name, v in NEWEST_VERSIONS.items()}
    errors = loaded(oldest, tmp_path, {**newest, **next_ones})
    assert {name: errors[name] for name in newest} == dict.fromkeys(newest)
    for name in next_ones:
        operator, _, version = name.partition("-")
        assert f"Didn't find op for builtin opcode '{operator}' version '{version}'" in errors[name]


def test_it_refuses_a_bundle_that_we_refuse(oldest, refused, tmp_path):
    """QUANTIZE 5 is of a later one: this environment's runtime loads it."""
    from ai_edge_litert.interpreter import Interpreter

    def renew(model):
        model.operatorCodes[0].version = NEWEST_VERSIONS["QUANTIZE"] + 1

    content = edited(read_model(SHIPPED_MODEL), renew)
    Interpreter(model_content=content)
    assert "'QUANTIZE' version '5'" in loaded(oldest, tmp_path, {"bundle": content})["bundle"]
    with refused("got QUANTIZE version 5 above 4; "):
        check_versions(content)
