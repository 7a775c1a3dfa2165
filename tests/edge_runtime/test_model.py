import numpy as np
import pytest

from edge_runtime.model import Model, Signature, read_signature
from edge_runtime.quantization import Quantization
from tests.conftest import COLORS
from tests.tiny_model import HEIGHT_PX, LABELS, WIDTH_PX, model_bytes


def filled(color: tuple[int, int, int]) -> np.ndarray:
    """A picture of one colour in the model's own size."""
    return np.full((HEIGHT_PX, WIDTH_PX, 3), color, np.uint8)


@pytest.fixture(scope="module", params=[True, False], ids=["int8", "float32"])
def model(request):
    return Model(model_bytes(quantized=request.param))


def test_reads_its_own_shape(model):
    assert (model.height_px, model.width_px, model.num_classes) == (HEIGHT_PX, WIDTH_PX, len(LABELS))


@pytest.mark.parametrize("quantized", [True, False])
def test_signature_is_read_from_a_model_that_is_not_made_ready(quantized, monkeypatch):
    monkeypatch.delattr("edge_runtime.model.Interpreter.allocate_tensors")
    wanted = Signature(height_px=HEIGHT_PX, width_px=WIDTH_PX, num_classes=len(LABELS))
    assert read_signature(model_bytes(quantized=quantized)) == wanted


@pytest.mark.parametrize("label", LABELS)
def test_predicts_the_right_class(model, label):
    probabilities = model.predict(filled(COLORS[label]))
    assert (probabilities.dtype, probabilities.shape) == (np.float32, (len(LABELS),))
    assert LABELS[int(probabilities.argmax())] == label
    # Four float32 numbers are added: a rounding error of a few times 6e-8.
    assert probabilities.sum() == pytest.approx(1, abs=1e-6)
    assert probabilities.min() >= 0


def test_reference_kernels_use_no_delegate_and_answer_alike():
    fast, plain = Model(model_bytes()), Model(model_bytes(), reference_kernels=True)
    assert (fast.uses_delegate, plain.uses_delegate) == (True, False)
    for color in np.random.default_rng(1).integers(0, 256, (20, 3)):
        difference = np.abs(fast.predict(filled(tuple(color))) - plain.predict(filled(tuple(color))))
        assert difference.max() < 0.05  # one step of the logits, 16 / 255, moves a probability by a quarter of it


def test_int8_agrees_with_float32():
    quantized, real = Model(model_bytes()), Model(model_bytes(quantized=False))
    for color in np.random.default_rng(1).integers(0, 256, (20, 3)):
        difference = np.abs(quantized.predict(filled(color)) - real.predict(filled(color))).max()
        # A step of the int8 logits is 16/255 = 0.063; half of one moves a probability by at most 0.25 x 0.063 per
        # logit, and pooling and weights round as well: 0.05 is three such steps.
        assert difference < 0.05


def test_invoke_gives_the_output_as_stored():
    raw = Model(model_bytes()).invoke(filled((0, 0, 0)))
    assert raw.dtype == np.uint8
    assert raw.shape == (len(LABELS),)
    assert Model(model_bytes(quantized=False)).invoke(filled((0, 0, 0))).dtype == np.float32


def test_output_quantization_is_the_models_own():
    assert Model(model_bytes()).output_quantization == Quantization(np.dtype(np.uint8), 1 / 256, 0)
    assert Model(model_bytes(quantized=False)).output_quantization.scale == 0


def test_result_outlives_the_next_call(model):
    first = model.invoke(filled((255, 0, 0)))
    kept = first.copy()
    model.invoke(filled((0, 0, 255)))
    assert np.array_equal(first, kept)  # a view into the interpreter's memory would have changed


def test_threads_do_not_change_the_result():
    picture = filled((90, 30, 60))
    one, two = (Model(model_bytes(), num_threads=count).predict(picture) for count in (1, 2))
    assert np.array_equal(one, two)


def test_says_whether_a_delegate_runs_it(model):
    assert isinstance(model.uses_delegate, bool)


@pytest.mark.parametrize(
    ("shape", "dtype", "found"),
    [
        ((1, 12, 16, 1), np.uint8, r"uint8 \[1, 12, 16, 1\]"),
        ((2, 12, 16, 3), np.uint8, r"uint8 \[2, 12, 16, 3\]"),
        ((1, 576), np.uint8, r"uint8 \[1, 576\]"),
        ((1, 12, 16, 3), np.int8, r"int8 \[1, 12, 16, 3\]"),
        ((1, 12, 16, 3), np.float32, r"float32 \[1, 12, 16, 3\]"),
    ],
)
@pytest.mark.parametrize("load", [Model, read_signature])
def test_other_inputs_are_refused(shape, dtype, found, refused, load):
    with refused(rf"expected a model with one input, uint8 \[1, H, W, 3\], got {found}"):
        load(model_bytes(shape=shape, dtype=dtype))


@pytest.mark.parametrize("load", [Model, read_signature])
def test_output_that_is_no_list_of_classes_is_refused(refused, load):
    with refused(r"an output of shape \[1, classes\], got \[1, 12, 16, 3\]"):
        load(model_bytes(headless=True))


@pytest.mark.parametrize("load", [Model, read_signature])
@pytest.mark.parametrize("kept", [0.01, 0.2, 0.5, 0.9, 0.99])
def test_truncated_model_is_refused(kept, refused, load):
    content = model_bytes()
    with refused("expected a model that LiteRT can run"):
        load(content[: int(kept * len(content))])
