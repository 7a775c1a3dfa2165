from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from tests.train.tiny import NETWORK
from train import loop
from train.loop import batches, make_step, parts_of

THREE = replace(NETWORK, towers=3)


def apart(make_stage):
    """A stage whose towers are trained one after another."""
    stage = make_stage(THREE)
    stage.parts = parts_of(stage.model, towers=3)
    return stage


@pytest.mark.parametrize("cores", [1, 9])
def test_towers_one_after_another_learn_the_same_to_the_bit(make_stage, monkeypatch, cores):
    monkeypatch.setattr(loop.os, "cpu_count", lambda: cores)
    stages = [make_stage(THREE), apart(make_stage)]
    found = []
    for stage in stages:
        step = make_step(stage)
        found.append([step(*batch, tf.constant(0.5)) for batch in batches(stage, np.arange(20))])
    for (loss, hits), (other, others) in zip(*found, strict=True):
        assert loss.numpy() == other.numpy()
        assert (hits.numpy() == others.numpy()).all()
    for one, two in zip(stages[0].averaged + stages[0].averages, stages[1].averaged + stages[1].averages, strict=True):
        assert (one.numpy() == two.numpy()).all(), one.name


@pytest.mark.parametrize(("cores", "waits"), [(1, True), (2, True), (3, False), (None, True)])
def test_a_tower_waits_until_one_before_it_needs_no_more_memory(make_stage, monkeypatch, cores, waits):
    monkeypatch.setattr(loop.os, "cpu_count", lambda: cores)
    stage = apart(make_stage)
    pixels, indices = next(iter(batches(stage, np.arange(8))))
    graph = make_step(stage).get_concrete_function(pixels, indices, tf.constant(0.5)).graph
    last = [op for op in graph.get_operations() if op.type == "Conv2D" and "tower2_conv0" in op.name]
    assert last
    # The gradient of the first tower's first kernel is the last thing that its activations are kept for.
    first = {op for op in ancestors(last[0]) if op.type == "Conv2DBackpropFilter" and "tower0_conv0" in op.name}
    assert bool(first) == waits


def ancestors(op):
    """All operations that run before this one."""
    found, todo = set(), [op]
    while todo:
        op = todo.pop()
        before = {tensor.op for tensor in op.inputs} | set(op.control_inputs)
        todo += before - found
        found |= before
    return found
