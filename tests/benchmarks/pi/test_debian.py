import pytest

from benchmarks.pi import debian
from benchmarks.pi.combinations import BOOKWORM, TRIXIE
from benchmarks.pi.debian import KEYRING, choose_mirror

LISTED = """\
bookworm-updates http://mirror/updates/
bookworm http://mirror/debian/
bookworm http://mirror/other/
a line of rubbish
"""


def test_the_mirror_is_that_of_the_release_itself():
    assert choose_mirror(LISTED, codename="bookworm") == "http://mirror/debian/"


@pytest.mark.parametrize(("listed", "codename"), [("", "bookworm"), (LISTED, "noble"), (LISTED, ""), (LISTED, "a")])
def test_without_one_there_is_none(listed, codename):
    assert choose_mirror(listed, codename=codename) is None


def test_apt_is_set_up_below_the_folder_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(debian, "_mirror", lambda: "http://mirror/debian/")
    configuration = debian._configure(BOOKWORM, tmp_path / "apt").read_text()
    places = [line.split()[1].strip('";') for line in configuration.splitlines() if line.startswith("Dir::")]
    assert all(place == "/dev/null" or place.startswith(f"{tmp_path}/") for place in places)
    source = (tmp_path / "apt/sources.list").read_text()
    assert source == f"deb [arch=arm64 signed-by={KEYRING}] http://mirror/debian/ bookworm main\n"


def test_a_machine_without_sources_is_told_so(monkeypatch, refused):
    monkeypatch.setattr(debian, "call", lambda *_, **__: "")
    with refused("Debian's package sources.+run it on Debian"):
        debian._mirror()


def test_each_system_asks_for_its_python():
    assert "python3.11-minimal" in debian.packages(BOOKWORM)
    assert "libpython3.13-stdlib" in debian.packages(TRIXIE)
