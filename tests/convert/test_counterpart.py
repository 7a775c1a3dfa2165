import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from convert.counterpart import LAST, Graph, apart, feed, whole
from convert.lowering import PIXEL_SCALE, open_logits
from convert.stages import KERAS_QAT


def outputs(counterpart, given):
    """The outputs by name, of inputs by name."""
    interpreter = Interpreter(model_content=counterpart.content)
    interpreter.allocate_tensors()
    for each in interpreter.get_input_details():
        interpreter.set_tensor(each["index"], given[each["name"]])
    interpreter.invoke()
    values = [interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()]
    return dict(zip(counterpart.names, values, strict=True))


@pytest.fixture(scope="module")
def answers(networks, pictures):
    """What every operator of the whole counterpart gives for one picture."""
    counterpart = whole(networks.float_of_qat)
    (name,) = (each["name"] for each in Interpreter(model_content=counterpart.content).get_input_details())
    return outputs(counterpart, {name: pictures[:1]})


def test_whole_counterpart_has_no_integers_left(networks):
    kinds = {Graph(networks.float_of_qat).kind(each) for each in Graph(networks.float_of_qat).graph.operators}
    assert "QUANTIZE" in kinds  # or there would be nothing to take out
    graph = Graph(whole(networks.float_of_qat).content)
    assert "QUANTIZE" not in {graph.kind(each) for each in graph.graph.operators}


def test_whole_counterpart_computes_what_the_network_does_but_for_rounded_activations(networks, pictures, answers):
    # Against fake quantisation at every layer, whose steps are 1/255 of each range.
    np.testing.assert_allclose(answers[LAST], networks.answers[KERAS_QAT](pictures[:1]), atol=0.03)
    assert answers[LAST].sum() == pytest.approx(1, abs=1e-6)  # float32


def test_its_first_layer_is_the_convolution_with_rounded_weights(runs, networks, pictures, answers):
    _owner, logits = open_logits(runs[1] / "model")
    values = {each.name: each.numpy() for each in logits.variables}
    kernel = values["tower0_conv0/kernel:0"]
    ends = values["quant_tower0_conv0/kernel_min:0"], values["quant_tower0_conv0/kernel_max:0"]
    rounded = tf.quantization.fake_quant_with_min_max_vars_per_channel(kernel, *ends, narrow_range=True)
    expected = tf.nn.relu(tf.nn.conv2d(pictures[:1] * PIXEL_SCALE, rounded, 2, "SAME") + values["tower0_conv0/bias:0"])
    name = next(name for name in answers if "quant_tower0_conv0/" in name)
    np.testing.assert_allclose(answers[name], expected, atol=1e-5)  # float32, sums of 27


def test_operators_apart_give_the_same_when_given_the_same(networks, answers):
    graph = Graph(whole(networks.float_of_qat).content)
    names = Graph(networks.int8).operators.keys() & graph.operators.keys()
    assert len(names) > 10
    by_tensor = {operator.outputs[0]: name for name, operator in zip(answers, graph.graph.operators, strict=True)}
    given = {}
    for name, operator in zip(answers, graph.graph.operators, strict=True):
        for place in graph.moving(operator):
            if operator.inputs[place] in by_tensor:
                given[feed(name, place)] = answers[by_tensor[operator.inputs[place]]]
    for name, values in outputs(apart(networks.float_of_qat, names), given).items():
        np.testing.assert_allclose(values, answers[name], atol=1e-5, err_msg=name)  # other order of float32 sums


def test_only_the_named_operators_are_apart(networks):
    names = {name for name in Graph(networks.float_of_qat).operators if name.endswith("peak/Max")}
    counterpart = apart(networks.float_of_qat, names)
    assert set(counterpart.names) == names
    assert len(Graph(counterpart.content).graph.operators) == len(names) == 2


def test_every_operator_of_the_int8_graph_has_a_counterpart(networks):
    assert Graph(networks.int8).operators.keys() <= Graph(networks.float_of_qat).operators.keys()
