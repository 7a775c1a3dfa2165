import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edge_runtime.graph import read_graph
from tests import tiny_model
from tests.convert.graphs import edited

MODEL = tiny_model.model_bytes()


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
