import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from convert import lowering
from convert.lowering import lower
from edge_runtime.dataset import open_dataset
from edge_runtime.errors import LeukoliteError
from edge_runtime.image import decode
from edge_runtime.model import Model
from tests.heads import sums

HEIGHT_PX, WIDTH_PX = 24, 32


@pytest.fixture(scope="module")
def models(runs, smears):
    """The .tflite of each variant."""
    first, second = (run / "model" for run in runs)
    made = {variant: lower(first, variant=variant) for variant in ("float32", "float16", "dynamic")}
    ptq = lower(first, variant="int8_ptq", calibration=smears)
    return {**made, "int8_ptq": ptq, "int8_qat": lower(second, variant="int8_qat")}


@pytest.fixture(scope="module")
def smears(smear_root):
    """All generated smears: uint8 [40, 24, 32, 3]."""
    images = [image for split in ("TRAIN", "TEST") for image in open_dataset(smear_root, split=split).images]
    return np.stack([decode(image.path, height_px=HEIGHT_PX, width_px=WIDTH_PX) for image in images])


@pytest.fixture(scope="module")
def pictures(smears):
    """Smears, black, white and noise: uint8 [44, 24, 32, 3]."""
    noise = np.random.default_rng(0).integers(0, 256, (2, HEIGHT_PX, WIDTH_PX, 3), dtype=np.uint8)
    flat = [np.full((HEIGHT_PX, WIDTH_PX, 3), value, np.uint8) for value in (0, 255)]
    return np.stack([*smears, *noise, *flat])


def softmax_of(run, pictures):
    """The probabilities of a run's SavedModel."""
    logits = tf.saved_model.load(str(run / "model")).signatures["serving_default"]
    return tf.nn.softmax(logits(pixels=pictures / np.float32(255))["logits"]).numpy()


@pytest.mark.parametrize("variant", ["float32", "float16", "dynamic", "int8_ptq", "int8_qat"])
def test_the_evidence_of_every_variant_adds_up_to_its_logits(models, pictures, variant):
    added, logits, tolerance = sums(models[variant], pictures[::4])
    assert np.abs(added - logits).max() <= tolerance  # a dynamic one has heads in float32: they are too small to shrink
    assert logits.std() > 0.1


def ends(content):
    """Details of the input and the output."""
    interpreter = Interpreter(model_content=content)
    return interpreter.get_input_details()[0], interpreter.get_output_details()[0]


@pytest.mark.parametrize(
    ("variant", "kind"),
    [
        ("float32", np.float32),
        ("float16", np.float32),
        ("dynamic", np.float32),
        ("int8_ptq", np.uint8),
        ("int8_qat", np.uint8),
    ],
)
def test_pixels_in_and_probabilities_out(models, variant, kind):
    first, last = ends(models[variant])
    assert (first["dtype"], first["shape"].tolist()) == (np.uint8, [1, HEIGHT_PX, WIDTH_PX, 3])
    assert (last["dtype"], last["shape"].tolist()) == (kind, [1, 4])


def test_float32_gives_the_probabilities_of_the_network(models, runs, pictures):
    model = Model(models["float32"])
    found = np.stack([model.invoke(picture) for picture in pictures])
    expected = softmax_of(runs[0], pictures)
    # Float32 sums in another order: logits of order one to 1e-6, probabilities no worse.
    assert found == pytest.approx(expected, abs=1e-5)
    assert np.ptp(expected, axis=0).max() > 0.05  # pictures that all look alike to it would prove nothing


@pytest.mark.parametrize(
    ("variant", "tolerance"),
    # A weight rounded to 11 bits is off by 1/2000 of itself, one in 8 bits by 1/254 of its channel's largest, and
    # activations are rounded alike on the way: logits of order one move by that, the more the deeper, and
    # probabilities by a quarter as much.
    [("float16", 2e-3), ("dynamic", 3e-2), ("int8_ptq", 6 / 256)],
)
def test_other_variants_give_the_probabilities_of_the_float_network(models, runs, smears, variant, tolerance):
    model = Model(models[variant])
    found = np.stack([model.predict(picture) for picture in smears])
    assert found == pytest.approx(softmax_of(runs[0], smears), abs=tolerance)


def test_weights_take_the_bits_they_say(tmp_path):
    wide = Wide()
    tf.saved_model.save(wide, str(tmp_path), signatures={"serving_default": wide.classify})
    kernels, sizes = {}, {}
    for variant in ("float32", "float16", "dynamic", "int8_ptq"):
        content = lower(tmp_path, variant=variant, calibration=np.zeros((1, 8, 8, 3), np.uint8))
        tensors = Interpreter(model_content=content).get_tensor_details()
        kernels[variant] = {np.dtype(t["dtype"]).name for t in tensors if list(t["shape"]) == [64, 3, 3, 3]}
        sizes[variant] = len(content)
    # Of float16, the interpreter itself makes float32 for kernels that know no other.
    assert kernels == {
        "float32": {"float32"},
        "float16": {"float16", "float32"},
        "dynamic": {"int8"},
        "int8_ptq": {"int8"},
    }
    assert sizes["float32"] > sizes["float16"] > sizes["dynamic"]


def test_int8_gives_the_probabilities_of_the_network_in_steps_of_a_256th(models, runs, smears):
    model = Model(models["int8_qat"])
    found = np.stack([model.invoke(picture) for picture in smears]) / 256
    expected = softmax_of(runs[1], smears)
    # Fake quantisation rounds as the kernels do but for ties and the softmax table: now and then an activation lands
    # one step beside, and a logit's step (some units over 255) is a few 256ths of probability; six training runs gave
    # two at most. Smears alone: on plain black, far from what gave the ranges, the fake quantisation clips each
    # head to its own range and the kernels all heads to the widest.
    assert found == pytest.approx(expected, abs=6 / 256)
    assert np.abs(found - expected).mean() < 1 / 256


@pytest.mark.parametrize("variant", ["int8_ptq", "int8_qat"])
def test_a_pixel_is_its_own_quantised_value(models, variant):
    first, last = ends(models[variant])
    assert first["quantization"] == (float(np.float32(1 / 255)), 0)
    assert last["quantization"] == (1 / 256, 0)


@pytest.mark.parametrize("variant", ["int8_ptq", "int8_qat"])
def test_int8_computes_in_integers_alone(models, variant):
    tensors = Interpreter(model_content=models[variant]).get_tensor_details()
    assert {np.dtype(tensor["dtype"]).name for tensor in tensors} == {"uint8", "int8", "int32"}


def test_every_int8_model_is_proven(refused, runs, monkeypatch):
    """What `check_integer` refuses, its own tests say."""
    monkeypatch.setattr(lowering, "check_integer", tell("proof"))
    with refused("a model that passes the proof"):
        lower(runs[1] / "model", variant="int8_qat")


@pytest.mark.parametrize("number", [0, 1])
def test_every_model_is_held_against_the_oldest_runtime(refused, runs, monkeypatch, number):
    monkeypatch.setattr(lowering, "check_versions", tell("versions"))
    with refused("a model that passes the versions"):
        lower(runs[number] / "model", variant=("float32", "int8_qat")[number])


def tell(check):
    """A check that refuses whatever it gets."""

    def refuse(content):
        raise LeukoliteError(expected=f"a model that passes the {check}", found=f"{len(content)} bytes", remedy="none")

    return refuse


def test_network_without_quantisation_is_refused_as_int8(refused, runs):
    with refused("a network that TensorFlow can convert to int8_qat"):
        lower(runs[0] / "model", variant="int8_qat")


def test_ranges_do_not_need_a_black_and_a_white_pixel(runs):
    grey = np.full((4, HEIGHT_PX, WIDTH_PX, 3), 128, np.uint8)
    first, _ = ends(lower(runs[0] / "model", variant="int8_ptq", calibration=grey))
    assert first["quantization"] == (float(np.float32(1 / 255)), 0)


@pytest.mark.parametrize("calibration", [None, np.zeros((0, HEIGHT_PX, WIDTH_PX, 3), np.uint8)])
def test_post_training_quantisation_needs_pictures(runs, calibration):
    with pytest.raises(ValueError, match="from pictures, and there are none"):
        lower(runs[0] / "model", variant="int8_ptq", calibration=calibration)


class Wide(tf.Module):
    """A network with more than the 1,024 weights in one tensor below which the converter leaves them as they are."""

    def __init__(self):
        self.kernel = tf.Variable(tf.random.stateless_normal([3, 3, 3, 64], (1, 2)))
        self.head = tf.Variable(tf.random.stateless_normal([64, 4], (3, 4)))

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3], tf.float32, name="pixels")])
    def classify(self, pixels):
        features = tf.nn.relu(tf.nn.conv2d(pixels, self.kernel, 1, "SAME"))
        return {"logits": tf.reduce_max(features, axis=(1, 2)) @ self.head}


class Other(tf.Module):
    """A SavedModel of something else."""

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="numbers")])
    def double(self, numbers):
        return {"doubled": 2 * numbers}

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3], tf.float32, name="pixels")])
    def classify(self, pixels):
        return {"probabilities": tf.reduce_mean(pixels, axis=(1, 2))}


@pytest.mark.parametrize("what", ["missing", "empty", "file", "no signature", "other input", "other output"])
def test_what_is_no_saved_model_of_ours_is_refused(refused, tmp_path, what):
    path = tmp_path / "model"
    if what == "empty":
        path.mkdir()
    elif what == "file":
        path.write_bytes(b"")
    elif what != "missing":
        module = Other()
        call = {"other input": module.double, "other output": module.classify}.get(what)
        tf.saved_model.save(module, str(path), signatures={} if call is None else {"serving_default": call})
    with refused("a SavedModel with a signature of pixels to logits at .*model, got .+; train again"):
        lower(path, variant="float32")
