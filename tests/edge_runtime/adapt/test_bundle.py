"""The bundle around an adapted network: other clients read the same metadata, of the new network's version."""

import re
from pathlib import Path

from convert.metadata import load_schema
from edge_runtime.adapt.bundle import rebundle
from edge_runtime.card import load_card, read_model
from edge_runtime.files import sha256
from edge_runtime.golden import matches
from edge_runtime.model import Model
from edge_runtime.rewrite import with_temperature

CELL = read_model(Path(__file__).parents[3] / "reports" / "cell" / "bundles" / "leukolite-int8.tflite")
VERSION = rb"int8_qat [0-9a-f]{12}"


def test_card_and_metadata_are_of_the_new_network():
    card, model = load_card(CELL), with_temperature(CELL, 2.0, name="it")
    bundle = rebundle(model, card, adapted={"cells": {"A": 5}}, accuracy={"n": 5})
    now = load_card(bundle)
    assert (now.training["adapted"], now.accuracy) == ({"cells": {"A": 5}}, {"n": 5})
    assert (now.labels, now.input, now.variant) == (card.labels, card.input, card.variant)
    assert matches(now.golden, Model(bundle), tolerance=0)
    assert not matches(card.golden, Model(bundle), tolerance=0)
    (version,), (before,) = re.findall(VERSION, bundle), re.findall(VERSION, CELL)
    assert version == f"int8_qat {sha256(model)[:12]}".encode() != before
    assert load_schema().ModelMetadata.ModelMetadataBufferHasIdentifier(_metadata(bundle), 0)


def test_a_model_without_metadata_gets_none(bundle):
    content = read_model(bundle)
    made = rebundle(with_bytes_of(content), load_card(content), adapted={}, accuracy={})
    assert b"TFLITE_METADATA" not in made


def with_bytes_of(content: bytes) -> bytes:
    """The model of a bundle, without the zip behind it."""
    return content[: content.index(b"PK\x03\x04")]


def _metadata(bundle: bytes) -> bytes:
    """The buffer TFLITE_METADATA."""
    from ai_edge_litert import schema_py_generated as schema

    tree = schema.ModelT.InitFromPackedBuf(bundle)
    (entry,) = [each for each in tree.metadata if each.name == b"TFLITE_METADATA"]
    return bytes(tree.buffers[entry.buffer].data)
