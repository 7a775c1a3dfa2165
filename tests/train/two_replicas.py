"""Train the tiny network with one replica, and with two on two logical devices of this CPU; prints what differs.

A process of its own, since TensorFlow's devices are settled before its first operation.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from tests.train import tiny
from train.config import Augmentation, StageSettings
from train.distribution import Distribution, open_distribution
from train.loading import load_cells
from train.loop import Stage, fit, forward_of
from train.network import build

CELLS = load_cells(sys.argv[1], settings=tiny.SETTINGS, groups=None, tell=lambda line: None)[0]
# Batches of 21 and 11 images: the replicas' parts differ in size. So low a rate changes no weight, and what AdamW has
# added up is the gradients of the same weights.
OWN = StageSettings(epochs=1, learning_rate=1e-9, batch_size=21, averaging_decay=0.5)


def train(distribution: Distribution, *, out: str) -> Stage:
    """A fitted stage."""
    keras.utils.set_random_seed(3)
    log_share = np.log(CELLS.source_share)
    with distribution.scope():
        step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        model = build(tiny.NETWORK, class_log_share=log_share, seed=3, step=step, replicas=distribution.replicas)
    stage = Stage(
        model=model,
        forward=forward_of(model, towers=tiny.NETWORK.towers),
        step=step,
        cells=CELLS,
        log_prior=log_share,
        network=tiny.NETWORK,
        settings=OWN,
        directory=Path(sys.argv[2]) / out,
        seed=3,
        tell=lambda line: None,
        distribution=distribution,
        augmentation=Augmentation(flips=True),  # exact, so that it shows whether both mirror the same pictures
    )
    fit(stage)
    return stage


def largest(pairs: Any) -> float:
    """The largest difference between elements of two lists of variables, in parts of the largest element."""
    first, second = (np.concatenate([v.numpy().ravel().astype(float) for v in side]) for side in pairs)
    return float(np.abs(first - second).max() / np.abs(first).max())


def main() -> None:
    """Print JSON."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    tf.config.experimental.enable_op_determinism()
    two = open_distribution("mirrored", None)
    one, other = train(Distribution(), out="one"), train(two, out="two")
    copies = zip(*(v.values for v in [*other.model.weights, *other.averages, *other.optimizer.variables]), strict=True)
    found = {
        "replicas": two.replicas,
        "steps": [int(stage.step.numpy()) for stage in (one, other)],
        "gradients": largest([stage.optimizer.variables[2:] for stage in (one, other)]),
        "weights": largest([stage.model.weights for stage in (one, other)]),
        "averages": largest([stage.averages for stage in (one, other)]),
        "copies": largest(copies),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
