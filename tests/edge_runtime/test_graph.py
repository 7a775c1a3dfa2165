from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edge_runtime.card import read_model
from edge_runtime.graph import Tensor, alone, read_graph, with_outputs
from edge_runtime.model import Model
from tests import tiny_model
from tests.convert.graphs import edited
from tests.environments import CHECKOUT

MODEL = tiny_model.model_bytes()
CELL = CHECKOUT / "reports" / "cell" / "bundles" / "leukolite-int8.tflite"


@pytest.mark.parametrize("quantized", [True, False])
def test_it_is_what_the_runtime_reads(quantized):
    content = tiny_model.model_bytes(quantized=quantized)
    graph, interpreter = read_graph(content), Interpreter(model_content=content)
    steps = interpreter._get_ops_details()
    assert [step.name for step in graph.operators] == [step["op_name"] for step in steps]
    for step, details in zip(graph.operators, steps, strict=True):
        assert [tensor.index for tensor in step.inputs] == details["inputs"].tolist()
        assert [tensor.index for tensor in step.outputs] == details["outputs"].tolist()
    for tensor, details in zip(graph.tensors, interpreter.get_tensor_details(), strict=True):
        assert (tensor.index, tensor.name, tensor.shape) == (details["index"], details["name"], tuple(details["shape"]))
        assert tensor.kind == details["dtype"].__name__.upper()
        parameters = details["quantization_parameters"]
        assert (list(tensor.scales), list(tensor.zero_points)) == (
            parameters["scales"].tolist(),
            parameters["zero_points"].tolist(),
        )
    assert [end.index for end in graph.ends] == [
        interpreter.get_input_details()[0]["index"],
        interpreter.get_output_details()[0]["index"],
    ]


def test_weights_and_biases_are_constant_and_nothing_else():
    graph = read_graph(MODEL)
    (dense,) = (step for step in graph.operators if step.name == "FULLY_CONNECTED")
    assert [tensor for tensor in graph.tensors if tensor.constant] == [dense.input(1), dense.input(2)]
    assert (dense.version, dense.input(3)) == (2, None)


def test_bias_that_is_left_out_is_none():
    def leave_out(model):
        step = model.subgraphs[0].operators[2]
        step.inputs = [*step.inputs[:2], -1]

    dense = read_graph(edited(MODEL, leave_out)).operators[2]
    assert dense.input(2) is None
    assert len(list(dense.tensors())) == 3


@pytest.mark.parametrize(
    ("name", "shown"),
    [(b"", "tensor 0"), (b"pixels", "'pixels'"), (b"a\nb", r"'a\nb'"), (b"x" * 60, f"'{'x' * 48}...'")],
)
def test_name_is_shown_on_one_line_and_short(name, shown):
    def rename(model):
        model.subgraphs[0].tensors[0].name = name

    assert str(read_graph(edited(MODEL, rename)).tensors[0]) == shown


def test_operators_of_old_files_and_of_new_ones_are_named():
    def recode(model):
        first, second = model.operatorCodes[:2]
        first.builtinCode = 0  # as files from before 2020 have it
        second.builtinCode, second.deprecatedBuiltinCode = schema.BuiltinOperator.GELU, 127

    names = [step.name for step in read_graph(edited(MODEL, recode)).operators]
    assert names[:2] == ["QUANTIZE", "GELU"]


def test_second_graph_is_refused(refused):
    with refused("a .tflite with one graph, got ValueError"):
        read_graph(edited(MODEL, lambda model: model.subgraphs.append(schema.SubGraphT())))


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", MODEL[:100], b"\0" * 4 + b"TFL3" + b"\xff" * 64, b"PK" + MODEL[2:4] + b"0000"]
)
def test_what_is_no_model_is_refused(refused, content):
    with refused("the bytes of a .tflite with one graph, got .+; convert the network again"):
        read_graph(content)


def constant(values, *, scales=(), axis=0):
    """A constant tensor; zero points count up from 0."""
    stored = np.asarray(values)
    data = np.frombuffer(stored.tobytes(), np.uint8)
    kind = stored.dtype.name.upper()
    return Tensor(0, "weights", kind, stored.shape, scales, tuple(range(len(scales))), axis, data)


@pytest.mark.parametrize(
    ("tensor", "real"),
    [
        (constant(np.float32([[1.5, -2]])), [[1.5, -2]]),
        (constant(np.float16([0.5, 0.25])), [0.5, 0.25]),
        (constant(np.int32([1, 2])), [1, 2]),
        (constant(np.int8([[1, 2], [-3, 4]]), scales=(0.5,)), [[0.5, 1], [-1.5, 2]]),
        (constant(np.int8([[1, 2], [-3, 4]]), scales=(0.5, 2.0)), [[0.5, 1], [-8, 6]]),
        (constant(np.int8([[1, 2], [-3, 4]]), scales=(0.5, 2.0), axis=1), [[0.5, 2], [-1.5, 6]]),
    ],
    ids=["float32", "float16", "int32", "per tensor", "per row", "per column"],
)
def test_constants_have_real_values(tensor, real):
    values = tensor.values()
    assert values.dtype == np.float32
    assert values.tolist() == real


def test_what_is_computed_or_unknown_has_no_values():
    graph = read_graph(MODEL)
    with pytest.raises(ValueError, match="'tensor0' is not constant"):
        graph.inputs[0].values()
    with pytest.raises(ValueError, match="'weights' is INT4"):
        replace(constant(np.int8([1])), kind="INT4").values()


@pytest.mark.parametrize("quantized", [True, False])
def test_further_outputs_come_behind_the_model_s_own_and_change_nothing(quantized):
    content = tiny_model.model_bytes(quantized=quantized)
    mean = next(step for step in read_graph(content).operators if step.name == "AVERAGE_POOL_2D").outputs[0]
    more = with_outputs(content + b"a card", [mean])
    assert more == with_outputs(content, [mean])
    first, second = read_graph(content), read_graph(more)
    assert second.operators == first.operators
    assert second.outputs == (*first.outputs, mean)
    picture = np.random.default_rng(0).integers(0, 256, (tiny_model.HEIGHT_PX, tiny_model.WIDTH_PX, 3), np.uint8)
    plain, other = Model(content), Model(more)
    output, (values,) = other.invoke_all(picture)
    assert plain.invoke(picture).tolist() == output.tolist()
    probabilities, (real,) = other.predict_all(picture)
    assert probabilities.tolist() == plain.predict(picture).tolist()
    assert values.shape == real.shape == mean.shape[1:]
    # The mean of 192 pixels, rounded to one of 256 steps in int8.
    assert np.abs(real.ravel() - picture.mean(axis=(0, 1)) / 255).max() <= (0.5 / 255 + 1e-6 if quantized else 1e-6)


@pytest.mark.parametrize(
    "content", [MODEL, tiny_model.model_bytes(quantized=False), read_model(CELL)], ids=["int8", "float32", "cell view"]
)
def test_every_operator_alone_gives_to_the_byte_what_it_gives_in_its_graph(content):
    graph = read_graph(content)
    whole = Interpreter(model_content=content, experimental_preserve_all_tensors=True)
    whole.allocate_tensors()
    (picture,) = whole.get_input_details()
    random = np.random.default_rng(1)
    whole.set_tensor(picture["index"], random.integers(0, 256, picture["shape"], dtype=np.uint8))
    whole.invoke()
    for number, operator in enumerate(graph.operators):
        one = Interpreter(model_content=alone(content, number))
        one.allocate_tensors()
        given = [each for each in operator.inputs if each is not None and not each.constant]
        for tensor, details in zip(given, one.get_input_details(), strict=True):
            one.set_tensor(details["index"], whole.get_tensor(tensor.index))
        one.invoke()
        for tensor, details in zip(operator.outputs, one.get_output_details(), strict=True):
            assert (one.get_tensor(details["index"]) == whole.get_tensor(tensor.index)).all(), operator


def test_of_what_is_not_the_operator_s_nothing_is_kept():
    graph = read_graph(MODEL)
    number = next(n for n, step in enumerate(graph.operators) if step.name != "FULLY_CONNECTED")
    content = alone(MODEL, number)
    (only,) = read_graph(content).operators
    assert str(only) == str(graph.operators[number])
    assert len(read_graph(content).tensors) == len(list(only.tensors()))
    assert len(content) < len(MODEL)
