"""What all tests share: generated pictures, a tiny model that knows colours, and the real data set where it is."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from PIL import Image

from edge_runtime.errors import LeukoliteError
from tests import tiny_model

COLORS = {"BLUE": (0, 0, 255), "DARK": (0, 0, 0), "GREEN": (0, 255, 0), "RED": (255, 0, 0)}


FORKING = ("test_helper.py", "test_parallel.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the real data set, so that `-m "not data"` leaves it out; tests of forks go first.

    Ray and TensorFlow leave threads and processes behind in this one, beside which nothing is forked.
    """
    items.sort(key=lambda item: item.path.name not in FORKING)
    for item in items:
        if "data_root" in getattr(item, "fixturenames", ()):
            item.add_marker("data")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The root of the real data set. CI sets LEUKOLITE_REQUIRE_DATA, and then its absence is a failure."""
    named = os.environ.get("LEUKOLITE_DATA", "")
    if not named or not Path(named).is_dir():
        found = f"LEUKOLITE_DATA is {named!r}, no folder" if named else "LEUKOLITE_DATA is not set"
        leave = pytest.fail if os.environ.get("LEUKOLITE_REQUIRE_DATA") else pytest.skip
        leave(
            f"needs the real data set, and {found}: "
            "set it to the folder of the Kaggle download paultimothymooney/blood-cells"
        )
    return Path(named)


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Writes a picture of one colour: picture("RED/a.png"), picture("b.jpg", color="BLUE", size=(32, 24)).

    Without a colour it is that of the folder it lies in, or red.
    """

    def write(name: str, *, color: str | None = None, size: tuple[int, int] = (32, 24)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        chosen = COLORS[color] if color else COLORS.get(path.parent.name, COLORS["RED"])
        Image.new("RGB", size, chosen).save(path)
        return path

    return write


@pytest.fixture
def colors(picture: Callable[..., Path], tmp_path: Path) -> Path:
    """A data set with a split: TEST/<colour>/{a,b}.png, which the tiny model classifies without a mistake."""
    for label in COLORS:
        for name in ("a.png", "b.png"):
            picture(f"colors/TEST/{label}/{name}")
    return tmp_path / "colors"


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with its card, int8 inside."""
    return tiny_model.save(tmp_path_factory.mktemp("bundle") / "tiny-int8.tflite", tiny_model.bundle_bytes())


@pytest.fixture(scope="session")
def float_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model in float32."""
    content = tiny_model.bundle_bytes(variant="float32")
    return tiny_model.save(tmp_path_factory.mktemp("bundle") / "tiny-float32.tflite", content)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, as `make wheel` builds it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([*command, str(Path(__file__).parent.parent)], check=True, capture_output=True)
    (found,) = folder.glob("leukolite-*.whl")
    return found


@pytest.fixture
def lose_reader(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Has the reader of standard output gone, and that unbuffered, as with PYTHONUNBUFFERED, from the call on."""

    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    return lambda: monkeypatch.setattr(sys, "stdout", Gone())


@pytest.fixture
def refused() -> Callable[..., AbstractContextManager[None]]:
    """A context in which a LeukoliteError must be raised that says, on one line, expected, got and a remedy."""

    @contextmanager
    def check(match: str | None = None) -> Iterator[None]:
        with pytest.raises(LeukoliteError, match=match) as caught:
            yield
        assert re.fullmatch("expected .+, got .+; .+", str(caught.value)), caught.value

    return check
