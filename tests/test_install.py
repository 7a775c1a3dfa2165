"""What docs/install.md tells people to type, typed: in a home of its own, with the wheel, and without a network."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.pi.pages import blocks, headings
from edge_runtime import __version__
from tests.environments import CHECKOUT

PAGE = "install.md"
PIP, PIPX, UV = "pip, in a virtual environment", "pipx", "uv"
OFFLINE, WHERE, UPGRADE, REMOVE = "Without a network", "What is where", "Upgrade", "Remove"
COMPLETION, FOLDER = "Completion of options and file names", "A folder that fills, without systemd"
INDEXES = "PIP_INDEX_URL", "UV_DEFAULT_INDEX"
NOWHERE = "http://127.0.0.1:9/"  # where nobody answers


@pytest.fixture(scope="module")
def wheels(wheel, tmp_path_factory) -> Path:
    """A folder with the wheel and those that it needs, for this machine; the one thing here that needs a registry."""
    folder = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--dest", folder, wheel]
    environment = {**os.environ, "PIP_CONSTRAINT": str(CHECKOUT / "constraints.txt")}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return folder


class Home:
    """Somebody's home with the wheel in it, and the shell in which they type."""

    def __init__(self, folder: Path, wheel: Path, wheels: Path) -> None:
        self.folder = folder
        shutil.copy(wheel, folder)
        (folder / "wheels").symlink_to(wheels)
        (folder / "tools").mkdir()
        for name, target in (("python3", sys.executable), ("pipx", None), ("uv", None)):
            (folder / "tools" / name).symlink_to(target or Path(sys.executable).with_name(name))
        self._registry = {"PIP_FIND_LINKS": str(wheels), "PIP_NO_INDEX": "1"}
        (folder / ".config" / "uv").mkdir(parents=True)  # a file, as pipx keeps uv's variables from uv
        (folder / ".config" / "uv" / "uv.toml").write_text(f'no-index = true\nfind-links = ["{wheels}"]\n')

    def type(self, lines: str, *, folder_of_wheels: bool = True) -> subprocess.CompletedProcess[str]:
        """Run lines, each of which must succeed; the folder of wheels stands in for the registry, unless it may not."""
        settings = {
            "HOME": str(self.folder),
            "PATH": f"{self.folder}/tools:{self.folder}/.local/bin:/usr/local/bin:/usr/bin:/bin",
            "SHELL": "/bin/bash",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_RETRIES": "0",
            "PIP_NO_COMPILE": "1",
            "UV_HTTP_RETRIES": "0",
            "UV_PYTHON_DOWNLOADS": "never",
            **(self._registry if folder_of_wheels else {**dict.fromkeys(INDEXES, NOWHERE), "UV_NO_CONFIG": "1"}),
        }
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", lines],
            cwd=self.folder, env=settings, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    def follow(self, heading: str, **settings: bool) -> str:
        """Run all that stands below a heading; what it printed."""
        done = self.type("\n".join(blocks(PAGE, heading)), **settings)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def installed(wheel, wheels, tmp_path_factory) -> Home:
    """A home where the page was followed for each of the three ways, with nothing but a folder of wheels at hand."""
    home = Home(tmp_path_factory.mktemp("home"), wheel, wheels)
    assert "fail" not in [line.split()[0] for line in home.follow(PIP).splitlines()]
    home.follow(PIPX)
    (home.folder / ".local" / "bin" / "leukolite").rename(home.folder / "tools" / "from-pipx")
    home.follow(UV)
    return home


def test_nothing_to_type_is_left_out_here():
    assert headings(PAGE) == [PIP, PIPX, UV, OFFLINE, WHERE, UPGRADE, REMOVE, COMPLETION, FOLDER]


@pytest.mark.parametrize("command", ["leukolite/bin/leukolite", "tools/from-pipx", ".local/bin/leukolite"])
def test_each_way_gives_the_command(installed, picture, command):
    forced = "--no-checks --threshold 0 --format csv"  # one red colour all over shows no smear
    done = installed.type(f"~/{command} --version; ~/{command} classify '{picture('a.png')}' {forced}")
    assert (done.returncode, done.stderr) == (0, "")
    version, _, row = done.stdout.splitlines()
    assert version == f"leukolite {__version__}"
    assert row.split(",")[1] in {"EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL"}


def test_the_model_is_where_the_page_says(installed):
    model, card = installed.follow(WHERE).split("\n", maxsplit=1)
    assert Path(model).is_relative_to(installed.folder / "leukolite")
    assert Path(model).is_file()
    assert '"intended_use"' in card


def test_completion_lands_where_shells_look(installed):
    done = installed.type("ln -sf ~/leukolite/bin/leukolite tools/leukolite\n" + blocks(PAGE, COMPLETION)[0])
    assert (done.returncode, done.stderr) == (0, "")
    for shell, place in (
        ("bash", ".local/share/bash-completion/completions/leukolite"),
        ("zsh", ".zfunc/_leukolite"),
        ("fish", ".config/fish/completions/leukolite.fish"),
    ):
        kept = CHECKOUT / "edge_runtime" / "completion" / f"leukolite.{shell}"
        assert (installed.folder / place).read_text() == kept.read_text()


def test_a_folder_that_fills_is_emptied_of_what_is_ready(installed, picture):
    (script,) = blocks(PAGE, FOLDER)
    smears = installed.folder / "smears"
    (smears / "incoming").mkdir(parents=True)
    (smears / "classify-new").write_text(script)
    cron, loop = blocks(PAGE, FOLDER, language="text")
    command = cron.removeprefix("* * * * * ").strip()
    assert command.split(" 2>>")[0] in loop
    for name, age_s in (("ready.png", 60), ("two words.png", 60), ("growing.png", 0), ("broken.png", 60)):
        path = smears / "incoming" / name
        path.write_bytes(b"" if name == "broken.png" else picture("a.png").read_bytes())
        os.utime(path, (time.time() - age_s,) * 2)
    (smears / "incoming" / "half.png.part").write_bytes(b"half")
    os.utime(smears / "incoming" / "half.png.part", (0, 0))
    for _ in range(2):  # the second time there is nothing to be done
        done = installed.type(command)
        assert done.returncode == 0, (smears / "errors.txt").read_text()
    assert {path.name for path in (smears / "incoming").iterdir()} == {"growing.png", "half.png.part"}
    assert {path.name for path in (smears / "done").iterdir()} == {"ready.png", "two words.png", "broken.png"}
    rows = (smears / "results.jsonl").read_text().splitlines()
    assert len(rows) == 3
    assert sum('"error": null' in row for row in rows) == 2
    assert "broken.png" in (smears / "errors.txt").read_text()


def test_upgrading_and_removing_leave_what_they_should(installed):
    installed.follow(UPGRADE)
    assert installed.type("~/leukolite/bin/leukolite --version && leukolite --version").returncode == 0
    installed.follow(REMOVE)
    assert not (installed.folder / "leukolite").exists()
    assert not (installed.folder / ".local" / "bin" / "leukolite").exists()
    assert not list(installed.folder.glob(".local/**/edge_runtime"))


def test_a_folder_of_wheels_is_enough(wheel, wheels, tmp_path):
    home = Home(tmp_path, wheel, wheels)
    _, install = blocks(PAGE, OFFLINE)  # the first is run by tests/pi
    done = home.type(install, folder_of_wheels=False)
    assert done.returncode == 0, done.stderr
    assert home.type("~/leukolite/bin/leukolite --version").stdout == f"leukolite {__version__}\n"
    assert "uv tool install --no-index --find-links wheels leukolite" in (CHECKOUT / "docs" / PAGE).read_text()
    done = home.type("uv tool install --no-index --find-links wheels leukolite", folder_of_wheels=False)
    assert done.returncode == 0, done.stderr
    # Without these options it would ask the registry, where nobody answers.
    asked = home.type("uv tool install --force leukolite", folder_of_wheels=False)
    assert asked.returncode != 0


def test_a_32_bit_system_is_told_what_the_page_says(wheel, wheels, tmp_path):
    (told,) = blocks(PAGE, "A 32-bit Raspberry Pi OS", language="text")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-index",
        "--find-links",
        wheels,
        "--target",
        tmp_path,
        wheel,
    ]
    done = subprocess.run(
        [*command, "--only-binary=:all:", "--platform=linux_armv7l"],
        env={**os.environ, "PIP_CONFIG_FILE": os.devnull}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert told in done.stderr
