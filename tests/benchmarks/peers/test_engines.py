"""Each engine answers as our runtime does, shown the same pixels."""

import builtins
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers import engines, exchange
from edge_runtime.model import Model
from tests.tiny_model import LABELS

BUNDLES = Path(__file__).parents[3] / "reports" / "portable" / "bundles"
STEP = 1 / 256  # of an int8 softmax


def scores(engine, shown):
    """What it says of each picture, float64 [n, classes], adding up to 1."""
    found = np.array([engine(pixels) for pixels in shown], np.float64)
    assert found.shape == (len(shown), len(LABELS))
    return found / found.sum(axis=1, keepdims=True)


def ours(path, shown):
    model = Model(path.read_bytes())
    return scores(lambda pixels: model.output_quantization.dequantize(model.invoke(pixels)), shown)


@pytest.mark.parametrize("read", [engines.litert, engines.tensorflow, engines.openvino])
@pytest.mark.parametrize("kind", ["int8", "float32"])
def test_readers_of_the_same_file_agree(read, kind, bundles, shown):
    path = getattr(bundles, kind)
    found = scores(read(path), shown)
    assert found.argmax(axis=1).tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(found, ours(path, shown), atol=2 * STEP)  # a tie may round the other way, twice


@pytest.mark.parametrize("kind", ["int8", "float32"])
def test_mediapipe_agrees(kind, bundles, shown, until):
    path = getattr(bundles, kind)
    found = scores(engines.mediapipe(path, labels=LABELS, until=until), shown)
    np.testing.assert_allclose(found, ours(path, shown), atol=2 * STEP)


def test_mediapipe_gets_its_certificates_back(bundles, until):
    import certifi

    where = certifi.where
    engines.mediapipe(bundles.int8, labels=LABELS, until=until)
    assert certifi.where is where


@pytest.fixture(scope="module")
def onnx_files(tmp_path_factory):
    """A real network of ours in ONNX, float and int8, and noise to show it: tf2onnx loses the bias of the tiny one."""
    folder, path = tmp_path_factory.mktemp("onnx"), BUNDLES / "leukolite-float32.tflite"
    size = Model(path.read_bytes()).signature
    random = np.random.default_rng(1)
    shown = [random.integers(256, size=(size.height_px, size.width_px, 3), dtype=np.uint8) for _ in range(4)]
    float_onnx = exchange.to_onnx(path, folder / "float.onnx")
    return path, float_onnx, exchange.quantize(float_onnx, folder / "int8.onnx", shown), shown


def test_onnx_runtime_agrees_as_float_and_quantised(onnx_files):
    path, float_onnx, int8_onnx, shown = onnx_files
    expected = ours(path, shown)
    np.testing.assert_allclose(scores(engines.onnxruntime(float_onnx), shown), expected, atol=1e-5)  # order of sums
    found = scores(engines.onnxruntime(int8_onnx), shown)
    assert found.argmax(axis=1).tolist() == expected.argmax(axis=1).tolist()
    assert 0 < np.abs(found - expected).max() < 0.1  # of ranges seen on these pictures themselves


def test_quantised_onnx_computes_in_int8(onnx_files):
    import onnx

    graph = onnx.load(onnx_files[2]).graph
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in graph.node}
    assert onnx.TensorProto.INT8 in {weights.data_type for weights in graph.initializer}


def test_keras_predicts_by_the_saved_model(tmp_path, shown):
    """Of pixels from 0 to 1: the brighter a channel, the higher its class, and the darkest picture the fourth."""
    import tensorflow as tf

    def logits(pixels):
        mean = tf.reduce_mean(pixels, axis=(1, 2))
        return {"logits": tf.concat([mean, 0.1 - tf.reduce_max(mean, axis=1, keepdims=True)], axis=1)}

    height, width, channels = shown[0].shape
    module = tf.Module()
    called = tf.function(logits, input_signature=[tf.TensorSpec((None, height, width, channels), tf.float32)])
    tf.saved_model.save(module, str(tmp_path / "model"), signatures={"serving_default": called})
    answer = engines.keras(tmp_path / "model")
    blue, dark, green, red = (answer(pixels) for pixels in shown)
    assert [int(each.argmax()) for each in (red, green, blue, dark)] == [0, 1, 2, 3]
    np.testing.assert_allclose(red, [250 / 255, 0, 0, 0.1 - 250 / 255], atol=1e-6)


def test_tflite_runtime_is_not_loaded_beside_another_numpy(bundles, monkeypatch):
    monkeypatch.setattr(np, "__version__", "2.0.1")
    with pytest.raises(ImportError, match=r"NumPy 1, and here is 2\.0\.1"):
        engines.tflite_runtime(bundles.int8)


def test_an_engine_that_is_not_installed_is_an_import_error(bundles, monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **more):
        if name == "onnxruntime":
            raise ModuleNotFoundError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match="onnxruntime"):
        engines.onnxruntime(bundles.int8)
