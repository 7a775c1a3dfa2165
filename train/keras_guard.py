"""Refuse a mixture of Keras 2 and Keras 3 in one line, before minutes are spent on what it ends in.

tensorflow-model-optimization quantises models of Keras 2 only. TensorFlow itself has brought Keras 3 since 2.16 and
leaves Keras 2 to the package tf-keras, of the same release as its own. This module imports none of them by itself.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.provenance import version

SWITCH = "TF_USE_LEGACY_KERAS"
_ON = ("true", "True", "1")  # what TensorFlow takes for yes; anything else is no


def require_tf_keras() -> None:
    """Raise LeukoliteError unless TensorFlow, tf-keras and tensorflow-model-optimization work together here.

    To be called before anything that imports them. Imports them, which the stages do anyway.
    """
    value = os.environ.get(SWITCH)
    if value and value not in _ON:
        raise LeukoliteError(
            expected=f"{SWITCH} unset or 1, since quantisation-aware training needs Keras 2",
            found=f"{SWITCH}={show(value)}, which asks for Keras 3",
            remedy=f"unset {SWITCH}",
        )
    # The name of the package first: asking for its version takes no seconds, as importing it does.
    release = _release(version("tensorflow") or _load("tensorflow").__version__)
    installed = version("tf-keras")
    if installed is None or _release(installed) != release:
        raise LeukoliteError(
            expected=f"tf-keras {release} beside TensorFlow {release}",
            found="none" if installed is None else f"tf-keras {installed}",
            remedy=f"install tf-keras=={release}.*",
        )
    with _without("keras"):  # it looks for what Keras 3 has no more, and loads 100 MB of it for that
        optimization = _load("tensorflow_model_optimization")
    _check_optimizer(_load("tf_keras"), optimization)


def check_model(model: object) -> None:
    """Raise LeukoliteError unless this is a model of tf-keras; Keras 3 models look the same and end elsewhere."""
    if isinstance(model, _load("tf_keras").Model):
        return
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    raise LeukoliteError(
        expected="a model of tf-keras (Keras 2) to quantise",
        found=f"one of Keras 3 ({kind})" if kind.startswith("keras.") else kind,
        remedy="build it with `import tf_keras as keras`, not with keras or tf.keras",
    )


def _check_optimizer(tf_keras: Any, optimization: Any) -> None:
    """Refuse when tensorflow-model-optimization took `tf.keras` for Keras 2 and it was another package."""
    wrapper = optimization.quantization.keras.QuantizeWrapper
    if not issubclass(wrapper, tf_keras.layers.Layer):
        theirs = {base.__module__.partition(".")[0] for base in wrapper.__mro__ if base.__name__ == "Layer"}
        raise LeukoliteError(
            expected="tensorflow-model-optimization to work on tf-keras",
            found=f"it works on {', '.join(theirs) or 'no Keras'}",
            remedy=f"install tensorflow-model-optimization 0.8.1 or newer, and set {SWITCH}=1 before TensorFlow starts",
        )


@contextmanager
def _without(name: str) -> Iterator[None]:
    """Have imports of a package fail meanwhile."""
    before = sys.modules.pop(name, None)
    sys.modules[name] = None  # type: ignore[assignment]  # which is how Python is told so
    try:
        yield
    finally:
        del sys.modules[name]
        if before:
            sys.modules[name] = before


def _load(name: str) -> Any:
    """The package of that name; packages that do not fit each other fail in many ways when they are imported."""
    try:
        return import_module(name)
    except Exception as error:
        raise LeukoliteError(
            expected=f"the package {name} to be installed and to fit the others",
            found=reason(error),
            remedy="install the extra `train`",
        ) from error


def _release(text: str) -> str:
    """The first two numbers of a version."""
    return ".".join(text.split(".")[:2])
