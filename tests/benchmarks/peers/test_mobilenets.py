"""That networks are trained, converted and told, not that they are good: one tiny network, for two epochs."""

import json
import shutil

import numpy as np
import pytest

from benchmarks.peers import engines, mobilenets
from benchmarks.peers.mobilenets import MOBILENETS, MobileNet, Settings
from edge_runtime.dataset import open_dataset

SMALL = MobileNet("MobileNetV2-0.35", 32)


class Tiny(MobileNet):
    """Of one convolution: to trace a whole MobileNet takes half a minute."""

    def build(self, classes, *, bn_momentum):
        import keras

        given = keras.Input((self.side_px, self.side_px, 3))
        features = keras.layers.Conv2D(32, 3)(given)
        features = keras.layers.BatchNormalization(momentum=bn_momentum)(features)
        return keras.Model(given, keras.layers.Dense(classes)(keras.layers.GlobalAveragePooling2D()(features)))


@pytest.fixture(scope="module")
def trained(colored, tmp_path_factory):
    out, told = tmp_path_factory.mktemp("mobilenets"), []
    dataset = open_dataset(colored, split="TRAIN")
    mobilenets.train(
        dataset,
        out,
        groups=None,
        networks=[Tiny(SMALL.name, 32)],
        settings=Settings(epochs=2, batch_size=4),
        tell=told.append,
    )
    return out, told


def test_both_kinds_answer_with_a_share_for_each_class(trained):
    out, _told = trained
    for kind, whole in (("float32", 1.0), ("int8", 256.0)):
        answer = engines.litert(out / f"{SMALL.stem}-{kind}.tflite")
        for color in (0, 255):
            scores = answer(np.full((32, 32, 3), color, np.uint8)).astype(float)
            assert scores.shape == (4,)
            assert scores.sum() == pytest.approx(whole, rel=0.01)  # int8 rounds each of four to 1 of 256


def test_int8_is_the_smaller(trained):
    sizes = [(trained[0] / f"{SMALL.stem}-{kind}.tflite").stat().st_size for kind in ("int8", "float32")]
    assert sizes[0] < sizes[1]


def test_what_it_learned_from_is_told(trained):
    out, told = trained
    facts = mobilenets.read_facts(out)
    assert facts["labels"] == ["BLUE", "DARK", "GREEN", "RED"]
    assert (facts["data"]["split"], facts["data"]["n"], facts["settings"]["epochs"]) == ("TRAIN", 8, 2)
    (network,) = facts["networks"].values()
    assert len(network["losses"]) == 2
    assert told == [f"{SMALL.name}: {network['weights']:,} weights, last loss {network['losses'][-1]:.4f}"]


def test_what_is_there_is_not_trained_again(trained, colored, tmp_path, monkeypatch):
    out, _told = trained
    shutil.copytree(out, tmp_path / "m")
    dataset, fitted = open_dataset(colored, split="TRAIN"), []
    monkeypatch.setattr(mobilenets, "_fit", lambda network, *given: fitted.append(network.name) or _stop())
    again = {"groups": None, "networks": [SMALL]}
    mobilenets.train(dataset, tmp_path / "m", settings=Settings(epochs=2, batch_size=4), **again)
    assert fitted == []
    with pytest.raises(KeyboardInterrupt):
        mobilenets.train(dataset, tmp_path / "m", settings=Settings(epochs=3, batch_size=4), **again)
    assert fitted == [SMALL.name]
    assert mobilenets.read_facts(tmp_path / "m")["settings"]["epochs"] == 2, "kept until there is something newer"


def _stop():
    raise KeyboardInterrupt


def test_batch_normalisation_forgets_its_start_within_a_short_training():
    import keras

    backbone = SMALL.build(4, bn_momentum=0.9).layers[2]
    layers = [layer for layer in backbone.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(layers) > 10
    assert {layer.momentum for layer in layers} == {0.9}


def test_pixels_from_0_to_255_are_scaled_to_what_mobilenets_take():
    scaling = SMALL.build(4, bn_momentum=0.9).layers[1]
    np.testing.assert_allclose(scaling(np.float32([0, 127.5, 255])), [-1, 0, 1])


def test_each_network_has_a_file_name_of_its_own():
    assert [(each.side_px, each.stem) for each in MOBILENETS] == [
        (96, "mobilenetv2-0.35-96"),
        (96, "mobilenetv3-small-96"),
        (224, "mobilenetv2-0.35-224"),
        (224, "mobilenetv3-small-224"),
    ]


def test_a_picture_that_cannot_be_read_is_named(colored, tmp_path, refused):
    folder = tmp_path / "TRAIN" / "RED"
    folder.mkdir(parents=True)
    (folder / "broken.jpg").write_text("no picture")
    with refused("broken.jpg"):
        mobilenets.train(open_dataset(tmp_path, split="TRAIN"), tmp_path, groups=None, networks=[SMALL])
    assert not list(tmp_path.glob("*.tflite"))


@pytest.mark.parametrize("text", ["[]", json.dumps({"labels": ["A"]}), json.dumps({"networks": {}})])
def test_another_file_is_no_record_of_training(tmp_path, refused, text):
    (tmp_path / "mobilenets.json").write_text(text)
    with refused():
        mobilenets.read_facts(tmp_path)
