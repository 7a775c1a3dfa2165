"""Thousands of damaged models: what refuses them. `python -m tests.edge_runtime.campaign MODEL...` prints a table.

A child on each core imports everything, then forks for each: what kills a fork kills nothing else, and no fork has to
start Python. In a fork a model goes the whole way of `Classifier(...).load()` but for the probe, whose child the fork
stands for.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from edge_runtime import probe
from edge_runtime.card import attach, load_card
from edge_runtime.classifier import Classifier
from edge_runtime.errors import LeukoliteError
from edge_runtime.golden import golden_record
from edge_runtime.parallel import cores

ROOT = Path(__file__).parents[2]
COUNT = 1000
HANG_S = 20
SEED = 20261126


@dataclass(frozen=True)
class Damage:
    """A file is cut off at a byte (`mask` 0), or has the bits of `mask` in it flipped."""

    position: int
    mask: int = 0

    def to(self, content: bytes) -> bytes:
        """The damaged bytes."""
        if not self.mask:
            return content[: self.position]
        flipped = bytes([content[self.position] ^ self.mask])
        return content[: self.position] + flipped + content[self.position + 1 :]


def cuts(content: bytes, count: int = COUNT) -> list[Damage]:
    """So many cuts, each somewhere else as far as the content has bytes."""
    positions = list(range(len(content))) * (1 + count // len(content))
    return [Damage(position) for position in random.Random(SEED).sample(positions, count)]


def flips(content: bytes, count: int = COUNT) -> list[Damage]:
    """So many single bits, each another one."""
    return [Damage(bit // 8, 1 << bit % 8) for bit in random.Random(SEED).sample(range(8 * len(content)), count)]


@dataclass(frozen=True)
class Fate:
    """What became of a model: the signal that killed its process, why it was refused, or its golden output."""

    killed_by: int = 0
    refused: str = ""
    output: tuple[float, ...] = ()

    @property
    def by(self) -> str:
        """What refused it."""
        if self.killed_by:
            return f"child ({signal.Signals(self.killed_by).name})"
        if not re.fullmatch("expected .+, got .+; .+|", self.refused):
            return f"bug: {self.refused}"
        return ("golden" if "golden picture" in self.refused else "LiteRT") if self.refused else "nothing"


def model_of(bundle: bytes) -> bytes:
    """The model without its card."""
    return bundle[: bundle.index(b"PK\3\4")]


def fates(bundle: Path, damages: Sequence[Damage], *, labels: Sequence[str] = ()) -> list[Fate]:
    """What becomes of the model in a bundle, damaged: without card, opened with `labels`, or with a card that fits it.

    A card's digest is that of the damaged model: as if the damage had been there before the card was.
    """
    share = -(-len(damages) // cores())
    shares = [damages[start : start + share] for start in range(0, len(damages), share)]
    with ThreadPoolExecutor(len(shares)) as pool:
        return [fate for found in pool.map(lambda each: _ask(bundle, each, labels), shares) for fate in found]


def _ask(bundle: Path, damages: Sequence[Damage], labels: Sequence[str]) -> list[Fate]:
    """What a child of its own tells."""
    asked = json.dumps([[damage.position, damage.mask] for damage in damages])
    command = [sys.executable, "-m", "tests.edge_runtime.campaign", "--fork", str(bundle), *labels]
    done = subprocess.run(
        command, input=asked.encode(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, check=True
    )
    return [Fate(killed, refused, tuple(output)) for killed, refused, output in json.loads(done.stdout)]


def _fork_all(bundle: Path, labels: list[str]) -> None:
    """The child: fork, wait, tell."""
    content = bundle.read_bytes()
    model, card = model_of(content), load_card(content)
    probe.probe = lambda content, *, digest, name: None
    with tempfile.TemporaryDirectory() as folder:
        path, told = Path(folder) / "model.tflite", []
        for damage in [Damage(*each) for each in json.load(sys.stdin)]:
            damaged = damage.to(model)
            path.write_bytes(damaged if labels else attach(damaged, card))
            told.append(_fork(path, labels))
    json.dump(told, sys.stdout)


def _fork(path: Path, labels: list[str]) -> tuple[int, str, list[float]]:
    """The fate of a file, in a fork."""
    reader, writer = os.pipe()
    fork = os.fork()
    if not fork:
        signal.alarm(HANG_S)
        with os.fdopen(writer, "w") as stream:
            json.dump(_open(path, labels), stream)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        told = stream.read()
    status = os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1])
    return (-status, "", []) if status < 0 else (0, *json.loads(told))


def _open(path: Path, labels: list[str]) -> tuple[str, list[float]]:
    """Why it is refused, or its golden output."""
    try:
        classifier = Classifier(path, labels=labels or None).load()
        return "", golden_record(classifier.model)["output"]
    except LeukoliteError as error:
        return str(error), []
    except Exception as error:
        return repr(error), []


def main(paths: Sequence[str]) -> None:
    """Of flipped bits in the model, how many are caught without any digest, and by what."""
    for path in map(Path, paths):
        model = model_of(path.read_bytes())
        found = Counter(fate.by for fate in fates(path, flips(model)))
        print(f"{path.name}, {len(model):,} bytes: {json.dumps(dict(sorted(found.items())))}")


if __name__ == "__main__":
    if sys.argv[1] == "--fork":
        _fork_all(Path(sys.argv[2]), sys.argv[3:])
    else:
        main(sys.argv[1:])
