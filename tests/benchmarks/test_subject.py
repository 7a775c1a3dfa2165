import io

import numpy as np
from PIL import Image

from benchmarks import picture, subject
from edge_runtime.golden import golden_input
from tests.fields import NUCLEUS, field
from tests.tiny_model import CELL_SPEC, bundle_bytes


def test_says_what_is_measured(bundle):
    made = subject.load(bundle, role="int8", picture=picture.generate())
    about = made.about("invoke")
    assert (about["stage"], about["role"], about["variant"]) == ("invoke", "int8", "int8_ptq")
    assert about["input_px"] == [12, 16]
    assert about["model_sha256"] == made.classifier.digest
    assert about["training_seed"] is None
    assert (about["view"], about["accuracy"]) == ("field", None)


def test_what_the_card_tells_of_accuracy_goes_with_the_measurement(tmp_path):
    path = tmp_path / "told.tflite"
    told = {"accuracy": 0.9, "accuracy_ci95_by_source": [0.8, 1.0], "n": 10, "split": "TEST", "per_class": {}}
    path.write_bytes(bundle_bytes(accuracy=told))
    about = subject.load(path, role="int8", picture=picture.generate()).about("invoke")
    assert about["accuracy"] == {**{name: told[name] for name in told if name != "per_class"}, "data_sha256": None}


def test_a_model_in_the_wrong_role_is_refused(bundle, float_bundle, refused):
    for model, role in ((bundle, "float32"), (float_bundle, "int8")):
        with refused(f"variant {role}"):
            subject.load(model, role=role, picture=picture.generate())


def test_a_model_of_cells_is_measured_on_a_crop_of_the_decoded_field(tmp_path):
    path = tmp_path / "cells.tflite"
    path.write_bytes(bundle_bytes(input=CELL_SPEC))
    buffer = io.BytesIO()
    Image.fromarray(field((120, 160, 30), height=240, width=320)).save(buffer, "PNG")
    made = subject.load(path, role="int8", picture=picture.Picture("one.png", buffer.getvalue()))
    assert made.size_px == {"height_px": 120, "width_px": 160}
    assert (made.pixels[6, 8] == NUCLEUS).all()
    assert made.pixels.shape == (12, 16, 3)
    # Where a picture shows no cell there is something to invoke on all the same.
    buffer = io.BytesIO()
    Image.new("RGB", (320, 240), (220, 200, 205)).save(buffer, "PNG")
    without = subject.load(path, role="int8", picture=picture.Picture("none.png", buffer.getvalue()))
    assert np.array_equal(without.pixels, golden_input(height_px=12, width_px=16))
