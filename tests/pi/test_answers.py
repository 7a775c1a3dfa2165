"""What answers.py looks at is what it says: on this machine, where everything can be seen."""

import json
import subprocess
import sys

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from edge_runtime import Classifier
from edge_runtime.card import read_model
from edge_runtime.classifier import SHIPPED_MODEL
from edge_runtime.files import sha256
from edge_runtime.golden import golden_input
from edge_runtime.graph import read_graph
from edge_runtime.head import find_head
from tests.environments import CHECKOUT
from tests.fields import field
from tests.pi.__main__ import ANSWERS, PORTABLE
from tests.pi.answers import answers, record


@pytest.fixture
def cells(tmp_path):
    """A generated field with one stained cell."""
    from PIL import Image

    path = tmp_path / "field.png"
    Image.fromarray(field((120, 160, 40), height=240, width=320)).save(path)
    return path


def find_maps(path):
    """The last feature maps of a bundle."""
    return find_head(read_graph(read_model(path)), name="it").maps


@pytest.mark.filterwarnings("ignore:.*experimental_preserve_all_tensors")
@pytest.mark.parametrize("path", [SHIPPED_MODEL, PORTABLE], ids=["field", "portable"])
def test_the_network_is_what_softmax_reads_and_not_what_its_memory_holds_later(path):
    classifier = Classifier(path)
    explaining = Classifier(path).load(explaining=True).model
    seen = record(classifier.model, explaining=explaining)
    picture = golden_input(height_px=classifier.model.height_px, width_px=classifier.model.width_px)
    output = classifier.model.invoke(picture)
    ((crop),) = seen
    kept = Interpreter(model_content=read_model(path), experimental_preserve_all_tensors=True)
    kept.allocate_tensors()
    kept.set_tensor(kept.get_input_details()[0]["index"], picture[np.newaxis])
    kept.invoke()
    softmax = next(step for step in kept._get_ops_details() if step["op_name"] == "SOFTMAX")
    assert crop == {
        "pixels": sha256(picture.tobytes()),
        "maps": [sha256(kept.get_tensor(tensor.index)[0].tobytes()) for tensor in find_maps(path)],
        "network": kept.get_tensor(softmax["inputs"][0])[0].tolist(),
        "output": output.tolist(),
    }
    assert len(set(crop["network"])) > 1
    assert len(set(crop["maps"])) == len(crop["maps"]) > 0


def test_of_each_picture_there_is_what_was_said_and_every_crop(cells, tmp_path):
    nothing = tmp_path / "nothing.jpg"
    found = answers({"shipped": None, "portable": str(PORTABLE)}, {"one": str(cells), "none": str(nothing)})
    assert {model["uses_delegate"] for model in found.values()} == {True}
    assert found["shipped"]["sha256"] == sha256(SHIPPED_MODEL.read_bytes())
    for name, model in found.items():
        one, none = model["pictures"]["one"], model["pictures"]["none"]
        assert one["prediction"]["label"] == Classifier(None if name == "shipped" else PORTABLE).classify(cells).label
        assert len(one["crops"]) == 1
        assert none["crops"] == []
        assert none["prediction"]["label"] is None
        assert "expected" in none["prediction"]["error"]
    (cell,) = found["portable"]["pictures"]["one"]["prediction"]["cells"]
    assert cell["box"]["left"] < 160 < cell["box"]["right"]


def test_as_a_program_it_prints_the_same(cells):
    request = {"models": {"portable": str(PORTABLE)}, "pictures": {"one": str(cells)}}
    done = subprocess.run(
        [sys.executable, "-P", ANSWERS], input=json.dumps(request), cwd=CHECKOUT, capture_output=True, text=True,
        timeout=120, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == answers(**request)
