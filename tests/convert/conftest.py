"""What the tests of conversion share: tiny finished runs, the pictures they were trained on, and their bundles."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.config import Settings
from tests.train import tiny


@pytest.fixture(scope="session", autouse=True)
def settled() -> None:
    """The process computes as the commands do: the same bits each time."""
    tiny.settle()


@pytest.fixture(scope="session")
def smear_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generated pictures with groups.csv: TEST has 2 of each of four classes."""
    return tiny.smears(tmp_path_factory)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Finished run directories on them: float, and int8 after it. Not to be written to."""
    return tiny.runs(tmp_path_factory)


@pytest.fixture(scope="session")
def settings(smear_root: Path) -> Settings:
    """What to measure bundles on."""
    return Settings(data=str(smear_root), groups=str(smear_root / "groups.csv"))


@pytest.fixture(scope="session")
def released(runs: tuple[Path, Path], settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of both bundles. Not to be written to."""
    from convert.release import convert

    out = tmp_path_factory.mktemp("released") / "new" / "bundles"
    convert(*runs, out, settings=settings)
    return out


@pytest.fixture(scope="session")
def networks(runs: tuple[Path, Path]) -> Any:
    """Both runs, ready to answer in every stage."""
    from convert.stages import open_networks

    return open_networks(*runs)


@pytest.fixture(scope="session")
def pictures(smear_root: Path, networks: Any) -> Any:
    """What the networks see of the pictures of TEST, uint8 [8, 24, 32, 3]."""
    from edge_runtime.dataset import open_dataset
    from edge_runtime.view import see

    return np.stack([see(image.path, networks.view) for image in open_dataset(smear_root, split="TEST").images])


@pytest.fixture
def changed(runs: tuple[Path, Path], tmp_path: Path) -> Callable[..., Path]:
    """Copies a run with fields of its run.json changed: changed(0, labels=[...]); None removes one."""

    def copy(number: int, **changes: Any) -> Path:
        folder = shutil.copytree(runs[number], tmp_path / f"changed-{runs[number].name}")
        fields = {**json.loads((folder / "run.json").read_text()), **changes}
        kept = {name: value for name, value in fields.items() if value is not None}
        (folder / "run.json").write_text(json.dumps(kept))
        return folder

    return copy
