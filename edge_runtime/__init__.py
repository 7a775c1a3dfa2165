"""Classify white blood cells with a small TFLite model: numpy, Pillow and LiteRT, no TensorFlow.

Research use only; not a medical device.

The public names load on first use, so that importing this package costs nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_runtime.card import load_card
    from edge_runtime.classifier import Classifier
    from edge_runtime.prediction import Prediction

__all__ = ["Classifier", "Prediction", "load_card"]
__version__ = "0.1.0"

_HOMES = {"Classifier": "classifier", "Prediction": "prediction", "load_card": "card"}


def __getattr__(name: str) -> object:
    """Import a public name from its module when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
