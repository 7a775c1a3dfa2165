import math
import re

import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from convert import proof
from convert.proof import RULES, check_integer
from edge_runtime.errors import LeukoliteError
from edge_runtime.graph import read_graph
from tests import tiny_model
from tests.convert.graphs import (
    PICTURES,
    edited,
    end,
    insert,
    operators,
    pictures,
    quantised,
    reads,
    small_network,
    writes,
)


@pytest.fixture(scope="module")
def good(released):
    """The bundle of the tiny int8 run."""
    return (released / "leukolite-int8.tflite").read_bytes()


@pytest.fixture(scope="module")
def after_training():
    """A network with a depthwise layer, quantised after training."""
    return quantised(small_network(), PICTURES)


def findings(content):
    """What each rule finds, by the rule's name."""
    graph = read_graph(content)
    return {rule.broken.__name__: list(rule.broken(graph)) for rule in RULES}


def test_tiny_run_passes(good):
    check_integer(good)


def test_hand_made_model_passes():
    check_integer(tiny_model.model_bytes())


def test_post_training_quantisation_passes_with_a_scale_for_each_dense_unit(after_training):
    check_integer(after_training)
    scales = {op.name: len(op.inputs[1].scales) for op in read_graph(after_training).operators if len(op.inputs) == 3}
    assert scales == {"CONV_2D": 4, "DEPTHWISE_CONV_2D": 4, "FULLY_CONNECTED": 2}


def test_quantisation_aware_training_gives_a_dense_layer_one_scale(good):
    dense = [op for op in read_graph(good).operators if op.name == "FULLY_CONNECTED"]
    assert {len(op.inputs[1].scales) for op in dense} == {1}


def test_post_training_quantisation_of_our_network_passes(runs):
    saved = tf.saved_model.load(str(runs[0] / "model"))

    @tf.function(input_signature=[tf.TensorSpec([1, 24, 32, 3], tf.float32)], autograph=False)
    def network(pixels):
        return tf.nn.softmax(saved.signatures["serving_default"](pixels=pixels)["logits"])

    check_integer(quantised(network.get_concrete_function(), pictures(24, 32), owner=saved))


def test_a_model_that_is_packed_again_is_the_same(good):
    """So that what the others refuse is the damage, not the packing."""
    content = edited(good, lambda model: None)
    check_integer(content)
    assert read_graph(content) == read_graph(good)
    Interpreter(model_content=content).allocate_tensors()


def change(where, **changes):
    """An edit of a tensor's fields; scale and zeroPoint are those of its quantisation."""

    def edit(model):
        tensor = where(model)
        for name, value in changes.items():
            if name in ("scale", "zeroPoint", "quantizedDimension"):
                setattr(tensor.quantization, name, value(getattr(tensor.quantization, name)))
            else:
                setattr(tensor, name, value)

    return edit


def always(value):
    return lambda old: value


def of(name, position):
    return lambda model: reads(model, name, position)


def out_of(name):
    return lambda model: writes(model, name)


def at(which):
    return lambda model: end(model, which)


def first_to(value):
    """Changes the first of several."""
    return lambda old: [value, *old[1:]]


def first_alone(old):
    return old[:1]


def float_between(model):
    insert(model, "QUANTIZE", after="REDUCE_MAX", kind="INT8")
    insert(model, "DEQUANTIZE", after="REDUCE_MAX", kind="FLOAT32")


def requantised(model):
    insert(model, "QUANTIZE", after="REDUCE_MAX", kind="INT8")


def input_twice(model):
    """A second step from the input, as where two towers convert it for themselves."""
    graph = model.subgraphs[0]
    graph.operators.insert(0, operators(model, "QUANTIZE")[0])


def two_outputs(model):
    model.subgraphs[0].outputs = [*model.subgraphs[0].outputs] * 2


def unconverted(model):
    """The first convolution takes the pixels as they come."""
    first = operators(model, "CONV_2D")[0]
    first.inputs = [model.subgraphs[0].inputs[0], *first.inputs[1:]]


def computed_weights(model):
    first, second = operators(model, "CONV_2D")[:2]
    second.inputs = [second.inputs[0], first.outputs[0], second.inputs[2]]


INT4, INT16, INT64, FLOAT32 = (getattr(schema.TensorType, name) for name in ("INT4", "INT16", "INT64", "FLOAT32"))
INT8 = schema.TensorType.INT8
# The worst rule that each breaks, and how its first finding begins.
DAMAGES = {
    "float operator": (
        proof.float_operators,
        change(out_of("MAX_POOL_2D"), type=FLOAT32),
        "MAX_POOL_2D to '.*' computes in FLOAT32; CONV_2D to '.*' computes in FLOAT32; '.*' is FLOAT32",
    ),
    "float bias": (
        proof.float_operators,
        change(of("CONV_2D", 2), type=FLOAT32),
        "CONV_2D to '.*' computes in FLOAT32; '.*' is FLOAT32",
    ),
    "float between": (proof.float_tensors, float_between, "'dequantize' is FLOAT32"),
    "int8 input": (proof.wrong_ends, change(at("inputs"), type=INT8), "input '.*' is INT8 with scale 0.00392"),
    "input scale": (
        proof.wrong_ends,
        change(at("inputs"), scale=always([1 / 127.5])),
        "input '.*' is UINT8 with scale 0.00784313.*, zero point 0",
    ),
    "input zero": (
        proof.wrong_ends,
        change(at("inputs"), zeroPoint=always([128])),
        "input '.*' is UINT8 .*, zero point 128",
    ),
    "float output": (proof.wrong_ends, change(at("outputs"), type=FLOAT32), "output '.*' is FLOAT32"),
    "output scale": (
        proof.wrong_ends,
        change(at("outputs"), scale=always([1 / 255])),
        "output '.*' is UINT8 with scale 0.00392156",
    ),
    "output zero": (
        proof.wrong_ends,
        change(at("outputs"), zeroPoint=always([1])),
        "output '.*' is UINT8 .*, zero point 1",
    ),
    "output without scale": (
        proof.wrong_ends,
        change(at("outputs"), quantization=None),
        "output '.*' is UINT8 without a scale",
    ),
    "two outputs": (proof.wrong_ends, two_outputs, "2 outputs"),
    "step in the middle": (proof.surplus_steps, requantised, "QUANTIZE to 'quantize'"),
    "two steps at one end": (proof.surplus_steps, input_twice, "QUANTIZE to '.*'"),
    "step that rescales": (
        proof.surplus_steps,
        change(out_of("QUANTIZE"), scale=always([1 / 200])),
        "QUANTIZE to '.*'; bias ",
    ),
    "step that clips": (proof.surplus_steps, change(out_of("QUANTIZE"), zeroPoint=always([0])), "QUANTIZE to '.*'"),
    "one scale for a convolution": (
        proof.wrong_weights,
        change(of("CONV_2D", 1), scale=first_alone, zeroPoint=first_alone),
        "weights '.*' of CONV_2D with scales: 1 along axis 0, channels: 4 along axis 0; bias ",
    ),
    "wrong axis": (
        proof.wrong_weights,
        change(of("CONV_2D", 1), quantizedDimension=always(3)),
        "weights '.*' of CONV_2D with scales: 4 along axis 3, channels: 4 along axis 0",
    ),
    "three scales for four units": (
        proof.wrong_weights,
        change(of("FULLY_CONNECTED", 1), scale=always([0.1] * 3), zeroPoint=always([0] * 3)),
        "weights '.*' of FULLY_CONNECTED with scales: 3 along axis 0, channels: 4 along axis 0",
    ),
    "int4 weights": (
        proof.wrong_weights,
        change(of("CONV_2D", 1), type=INT4),
        "weights '.*' of CONV_2D are INT4",
    ),
    "computed weights": (
        proof.wrong_weights,
        computed_weights,
        "weights '.*' of CONV_2D are computed INT8",
    ),
    "zero of a convolution": (
        proof.shifted_weights,
        change(of("CONV_2D", 1), zeroPoint=first_to(-3)),
        "weights '.*' of CONV_2D have zero point -3",
    ),
    "zero of a dense layer": (
        proof.shifted_weights,
        change(of("FULLY_CONNECTED", 1), zeroPoint=always([2])),
        "weights '.*' of FULLY_CONNECTED have zero point 2",
    ),
    "no zero points": (
        proof.shifted_weights,
        change(of("CONV_2D", 1), zeroPoint=always([])),
        "weights '.*' of CONV_2D have zero point none",
    ),
    "bias in int64": (
        proof.wrong_biases,
        change(of("CONV_2D", 2), type=INT64),
        "bias '.*' of CONV_2D is INT64",
    ),
    "bias of another scale": (
        proof.wrong_biases,
        change(of("CONV_2D", 2), scale=lambda old: [old[0] * 1.00001, *old[1:]]),
        "bias '.*' of CONV_2D is INT32 with scale .* and 3 more, zero point 0",
    ),
    "bias of one scale": (
        proof.wrong_biases,
        change(of("CONV_2D", 2), scale=first_alone, zeroPoint=first_alone),
        "bias '.*' of CONV_2D is INT32 with scale [^ ]*, zero point 0",
    ),
    "bias with a zero point": (
        proof.wrong_biases,
        change(of("FULLY_CONNECTED", 2), zeroPoint=always([1])),
        "bias '.*' of FULLY_CONNECTED is INT32 with scale .*, zero point 1",
    ),
    "bias without a scale": (
        proof.wrong_biases,
        change(of("CONV_2D", 2), quantization=None),
        "bias '.*' of CONV_2D is INT32 without a scale",
    ),
    "uint8 activations": (proof.wrong_activations, unconverted, "CONV_2D to '.*' computes in UINT8"),
    "int16 activations": (
        proof.wrong_activations,
        change(out_of("MAX_POOL_2D"), type=INT16),
        "'.*' is INT16 with scale .*, zero point -128",
    ),
    "zero below int8": (
        proof.wrong_activations,
        change(out_of("MAX_POOL_2D"), zeroPoint=always([-129])),
        "'.*' is INT8 with scale .*, zero point -129",
    ),
    "zero above int8": (
        proof.wrong_activations,
        change(out_of("MAX_POOL_2D"), zeroPoint=always([128])),
        "'.*' is INT8 with scale .*, zero point 128",
    ),
    "activations for each channel": (
        proof.wrong_activations,
        change(out_of("FULLY_CONNECTED"), scale=always([0.1, 0.2]), zeroPoint=always([0, 0])),
        "'.*' is INT8 with scale 0.1.* and 1 more, zero point 0",
    ),
    "activations without a scale": (
        proof.wrong_activations,
        change(out_of("FULLY_CONNECTED"), quantization=None),
        "'.*' is INT8 without a scale",
    ),
    **{
        f"scale {scale}": (
            proof.useless_scales,
            change(out_of("FULLY_CONNECTED"), scale=always([scale])),
            f"'.*' has scale {scale}",
        )
        for scale in (0.0, -1.0, math.inf, math.nan)
    },
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_graph_is_refused_for_what_is_wrong(refused, good, name):
    broken, damage, match = DAMAGES[name]
    (rule,) = (rule for rule in RULES if rule.broken is broken)
    with refused(f"^expected an integer graph with {rule.expected}, got {match}.*; {rule.remedy}$"):
        check_integer(edited(good, damage))


def test_every_rule_is_the_worst_of_some_damage():
    assert {broken for broken, _, _ in DAMAGES.values()} == {rule.broken for rule in RULES}


def test_depthwise_layer_with_one_scale_is_refused(refused, after_training):
    damage = change(of("DEPTHWISE_CONV_2D", 1), scale=first_alone, zeroPoint=first_alone)
    with refused("weights '.*' of DEPTHWISE_CONV_2D with scales: 1 along axis 3, channels: 4 along axis 3; "):
        check_integer(edited(after_training, damage))


def test_what_the_converter_gives_without_per_channel_quantisation_is_refused(refused):
    content = quantised(small_network(), PICTURES, _experimental_disable_per_channel=True)
    with refused("int8 weights, quantised for each channel, got weights .* of CONV_2D .*of DEPTHWISE_CONV_2D"):
        check_integer(content)


def test_layer_that_int8_does_not_have_is_refused(refused):
    content = quantised(small_network(tf.sin), PICTURES)
    broken = findings(content)
    assert [re.sub("'.*'", "x", found) for found in broken["float_operators"]] == ["SIN to x computes in FLOAT32"]
    assert len(broken["float_tensors"]) == 2
    assert [found.split()[0] for found in broken["surplus_steps"]] == ["DEQUANTIZE", "QUANTIZE"]
    with refused("integer operators alone, got SIN to .* computes in FLOAT32; .* is FLOAT32; .*; and 2 more; "):
        check_integer(content)


def test_weights_in_int8_around_float_activations_are_refused(refused):
    """Dynamic quantisation: the file is as small as an int8 model, the arithmetic is not."""
    content = quantised(small_network(), PICTURES, representative_dataset=None,
                        inference_input_type=tf.float32, inference_output_type=tf.float32)  # fmt: skip
    with refused("integer operators alone, got CONV_2D to .* computes in FLOAT32"):
        check_integer(content)


def test_input_in_other_steps_than_a_picture_s_is_refused(refused):
    with refused("uint8 input in steps of 1/255 .*, got input .* is UINT8 with scale 0.0019.*; .*black and white"):
        check_integer(quantised(small_network(), PICTURES / 2))


def test_first_three_findings_are_named_and_the_others_counted():
    content = tiny_model.model_bytes(quantized=False)
    count = sum(map(len, findings(content).values()))
    with pytest.raises(LeukoliteError) as caught:
        check_integer(content)
    found = str(caught.value).partition(", got ")[2].rpartition("; quantise")[0].split("; ")
    assert len(found) == 4
    assert found[-1] == f"and {count - 3} more"


def test_bias_may_be_as_far_off_as_float32_rounds_it(good):
    def round_off(model):
        quantization = reads(model, "CONV_2D", 2).quantization
        quantization.scale = [float(scale) * (1 + 2**-22) for scale in quantization.scale]  # four roundings

    check_integer(edited(good, round_off))
