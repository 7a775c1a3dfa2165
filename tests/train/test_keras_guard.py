import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from train import keras_guard
from train.keras_guard import SWITCH, check_model, require_tf_keras

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def versions(monkeypatch):
    """Pretends that packages of these versions are installed."""

    def pretend(**found):
        monkeypatch.setattr(keras_guard, "version", lambda name: found.get(name.replace("-", "_")))

    return pretend


@pytest.mark.parametrize("value", [None, "", "1", "true", "True"])
def test_what_is_installed_here_passes(monkeypatch, value):
    monkeypatch.delenv(SWITCH, raising=False)
    if value is not None:
        monkeypatch.setenv(SWITCH, value)
    require_tf_keras()


@pytest.mark.parametrize("value", ["0", "false", "no", "TRUE", " 1"])  # TensorFlow takes the last two for no as well
def test_switch_that_asks_for_keras_3_is_refused(monkeypatch, refused, value):
    monkeypatch.setenv(SWITCH, value)
    with refused(f"unset or 1.*{SWITCH}={value}.*unset"):
        require_tf_keras()


def test_switch_is_refused_before_tensorflow_is_imported():
    code = (
        "import sys\n"
        "from edge_runtime.errors import LeukoliteError\n"
        "from train.keras_guard import require_tf_keras\n"
        "try:\n    require_tf_keras()\n"
        "except LeukoliteError as error:\n    print(error, 'tensorflow' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {SWITCH: "0", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.startswith("expected TF_USE_LEGACY_KERAS unset or 1")
    assert done.stdout.endswith(" False\n")


def test_missing_tf_keras(versions, refused):
    versions(tensorflow="2.21.0")
    with refused(r"tf-keras 2\.21 beside TensorFlow 2\.21, got none; install tf-keras==2\.21"):
        require_tf_keras()


@pytest.mark.parametrize("installed", ["2.20.1", "2.2.0", "3.21.0"])
def test_tf_keras_of_another_release(versions, refused, installed):
    versions(tensorflow="2.21.0", tf_keras=installed)
    with refused(f"got tf-keras {installed}; install"):
        require_tf_keras()


@pytest.mark.parametrize("installed", ["2.21.0", "2.21.3"])
def test_patches_of_one_release_fit(versions, installed):
    versions(tensorflow="2.21.0", tf_keras=installed)
    require_tf_keras()


def test_tensorflow_under_another_package_s_name(versions):
    import tensorflow as tf

    versions(tf_keras=tf.__version__)  # tensorflow-cpu, for one
    require_tf_keras()


@pytest.mark.parametrize("name", ["tensorflow", "tf_keras", "tensorflow_model_optimization"])
@pytest.mark.parametrize("error", [ModuleNotFoundError("No module named x"), AttributeError("no `Layer`")])
def test_package_that_cannot_be_imported(monkeypatch, refused, versions, name, error):
    def fail(wanted):
        if wanted == name:
            raise error
        return sys.modules.get(wanted, SimpleNamespace(__version__="2.21.0"))

    versions(tf_keras="2.21.0")
    monkeypatch.setattr(keras_guard, "import_module", fail)
    with refused(f"the package {name} to be installed and to fit.*{error}"):
        require_tf_keras()


def test_optimizer_on_keras_3_is_refused(monkeypatch, refused):
    import keras
    import tensorflow_model_optimization as tfmot

    # As an older release of it, or TensorFlow with another `keras`, would have it.
    monkeypatch.setattr(tfmot.quantization.keras, "QuantizeWrapper", keras.layers.Wrapper)
    with refused("tensorflow-model-optimization to work on tf-keras, got it works on keras;"):
        require_tf_keras()


def test_keras_3_model_is_refused(refused):
    import keras

    with refused("a model of tf-keras.*one of Keras 3.*tf_keras as keras"):
        check_model(keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)]))


@pytest.mark.parametrize("model", [None, "model.h5"])
def test_what_is_no_model_is_refused(refused, model):
    with refused(f"a model of tf-keras.*builtins.{type(model).__name__}"):
        check_model(model)


def test_tf_keras_model_passes():
    import tf_keras as keras

    check_model(keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)]))


def test_quantisation_refuses_keras_3(refused):
    import keras

    from train.qat import quantize

    with refused("one of Keras 3"):
        quantize(keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)]))
