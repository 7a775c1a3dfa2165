from dataclasses import replace

import numpy as np
import pytest

from benchmarks import mutants
from benchmarks.mutants import Graph, Mutant
from edge_runtime.card import read_model
from edge_runtime.classifier import SHIPPED_MODEL, Classifier
from edge_runtime.golden import matches
from edge_runtime.model import Model
from tests import tiny_model

TINY = tiny_model.model_bytes()
KINDS = {
    *(mutants.CHANNEL, mutants.WEIGHTS, mutants.ZERO_POINT, mutants.SCALE, mutants.BIAS, mutants.BITS, mutants.HEAD),
    *(mutants.COLORS, mutants.LABELS, mutants.RESIZE),
}


@pytest.fixture(scope="module")
def shipped() -> bytes:
    return read_model(SHIPPED_MODEL)


def test_the_shipped_model_has_two_hundred_of_every_kind_and_no_two_alike(shipped):
    found = mutants.mutants(shipped)
    assert len({mutant.name for mutant in found}) == len(found) >= 200
    assert {mutant.kind for mutant in found} == KINDS
    assert mutants.mutants(shipped) == found
    assert mutants.mutants(shipped, seed=2) != found


@pytest.mark.parametrize("kind", sorted(KINDS - {mutants.LABELS, mutants.RESIZE}))
def test_each_kind_changes_the_graph_and_the_copy_still_loads(shipped, kind):
    mutant = next(each for each in mutants.mutants(shipped) if each.kind == kind)
    content = mutants.damaged(shipped, mutant)
    assert content != Graph(shipped).pack()
    assert Model(content).num_classes == 4


def test_packing_alone_changes_no_answer(shipped):
    original, packed = Model(shipped), Model(Graph(shipped).pack())
    picture = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    assert (original.invoke(picture) == packed.invoke(picture)).all()
    assert Graph(shipped).digest() == Graph(Graph(shipped).pack()).digest()


@pytest.mark.parametrize("kind", [mutants.LABELS, mutants.RESIZE])
def test_what_is_done_to_answers_and_pictures_leaves_the_model(kind):
    assert mutants.damaged(TINY, Mutant(kind, -1, (1, 0, 2, 3))) == TINY


WEIGHTS, BIAS = Graph(TINY).weights(0), Graph(TINY).bias(0)


@pytest.mark.parametrize(
    ("mutant", "weights", "bias"),
    [
        (Mutant(mutants.CHANNEL, 0, (2,)), WEIGHTS * np.array([[1], [1], [0], [1]]), BIAS),
        (Mutant(mutants.WEIGHTS, 0, (1,)), np.minimum(WEIGHTS.astype(int) + 1, 127), BIAS),
        (Mutant(mutants.HEAD, 0, (1,)), np.roll(WEIGHTS, 1, axis=0), np.roll(BIAS, 1)),
        (Mutant(mutants.COLORS, -1, (2, 1, 0)), WEIGHTS[:, ::-1], BIAS),
        (Mutant(mutants.COLORS, 0, (1, 0, 2)), WEIGHTS[:, [1, 0, 2]], BIAS),
        (Mutant(mutants.BIAS, 0, (0,)), WEIGHTS, np.zeros(4)),
        (Mutant(mutants.BIAS, 0, (1,)), WEIGHTS, BIAS),  # one bias is not 0: it is a whole step
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_damage_is_what_its_name_says(mutant, weights, bias):
    graph = Graph(mutants.damaged(TINY, mutant))
    assert (graph.weights(0) == weights).all()
    assert (graph.bias(0) == bias).all()


@pytest.mark.parametrize("bits", [5, 3, 2])
def test_coarse_weights_have_as_many_steps_as_bits_allow(bits):
    values = Graph(mutants.damaged(TINY, Mutant(mutants.BITS, 0, (bits,)))).weights(0)
    assert len(np.unique(values)) <= 2**bits - 1
    assert np.abs(values.astype(int) - WEIGHTS).max() <= 127 / (2 ** (bits - 1) - 1) / 2 + 1


def test_a_doubled_scale_doubles_the_logits():
    """Seen in the answer: of a pale colour the model is surer when its logits are twice as large."""
    pale = np.full((12, 16, 3), (255, 150, 150), np.uint8)
    plain, doubled = (
        Model(content).predict(pale) for content in (TINY, mutants.damaged(TINY, Mutant(mutants.SCALE, 0, (2.0,))))
    )
    assert plain.argmax() == doubled.argmax()
    assert doubled.max() > plain.max()


def test_a_moved_zero_point_moves_what_hands_it_on_too(shipped):
    before, after = (
        Graph(shipped),
        Graph(mutants.damaged(shipped, Mutant(mutants.ZERO_POINT, 2, (1,)))),
    )  # the first before a pool
    points = [
        [
            int(tensor.quantization.zeroPoint[0])
            for tensor in graph._graph.tensors
            if tensor.quantization and tensor.quantization.zeroPoint is not None
        ]
        for graph in (before, after)
    ]
    moved = [one - other for one, other in zip(*points[::-1], strict=True)]
    assert sorted(moved)[-3:] == [0, 1, 1]  # the convolution's and its pool's


def test_labels_are_exchanged_in_the_answer():
    swapped = Mutant(mutants.LABELS, -1, (1, 0, 2, 3))
    assert mutants.relabelled(np.array([0, 1, 2, 3, 0]), swapped).tolist() == [1, 0, 2, 3, 1]
    assert mutants.relabelled(np.array([0, 1]), Mutant(mutants.RESIZE, -1, "BOX")).tolist() == [0, 1]


def test_the_filters_give_other_pixels():
    field = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    halved = [mutants.resampled(field, Mutant(mutants.RESIZE, -1, name)) for name in ("NEAREST", "BOX", "LANCZOS")]
    assert {each.shape for each in halved} == {(12, 16, 3)}
    assert len({each.tobytes() for each in halved}) == 3


@pytest.mark.parametrize(
    "mutant", [Mutant(mutants.HEAD, 0, (1,)), Mutant(mutants.LABELS, -1, (1, 0, 2, 3))], ids=lambda mutant: mutant.kind
)
def test_a_damaged_bundle_has_a_card_that_fits(bundle, picture, tmp_path, mutant):
    path = tmp_path / "damaged.tflite"
    path.write_bytes(mutants.bundle(str(bundle), mutant))
    good, bad = Classifier(bundle), Classifier(path)
    assert matches(bad.card.golden, bad.model, tolerance=0)
    red = picture("a.png", color="RED")
    assert good.classify(red).label == "RED" != bad.classify(red).label or mutant.kind == mutants.LABELS
    blue = picture("b.png", color="BLUE")
    assert bad.classify(blue).label != "BLUE"


def test_mutants_are_found_by_name_and_one_without(bundle, refused):
    turned = mutants.find(str(bundle), None)
    assert turned.kind == mutants.HEAD
    assert mutants.find(str(bundle), turned.name) == turned
    with refused("the name of one of"):
        mutants.find(str(bundle), "no such")


def test_a_layer_without_a_bias_keeps_none(shipped):
    graph = Graph(shipped)
    last = len(graph.layers) - 1
    assert graph.bias(last) is None
    mutant = replace(mutants.find(str(SHIPPED_MODEL), None), where=last)
    assert Graph(mutants.damaged(shipped, mutant)).bias(last) is None
