"""Debian's Python for arm64 below a folder, from the mirror that this machine is set up for; nobody need be root."""

import platform
from pathlib import Path

from benchmarks.pi.combinations import System
from benchmarks.pi.making import call, kept
from edge_runtime.errors import LeukoliteError

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# Read after the machine's own configuration, so that its proxies hold here too.
CONFIGURATION = """\
APT::Architecture "arm64";
APT::Architectures {{ "arm64"; }};
APT::Sandbox::User "";
Acquire::Languages "none";
Dir::Cache "{apt}/cache";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::sourcelist "{apt}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "{apt}/lists";
Dir::State::status "{apt}/status";
"""


def packages(system: System) -> tuple[str, ...]:
    """What is asked for; apt adds what they depend on. LiteRT's wheel needs the C++ library besides Python."""
    return f"python{system.python}-minimal", f"libpython{system.python}-stdlib", "libstdc++6"


def root(system: System, folder: Path) -> Path:
    """The root folder of that system, made below `folder` unless it is there."""
    wanted = f"{system.suite} {' '.join(packages(system))}"
    return kept(folder / system.suite, made_of=wanted, make=lambda made: _unpack(system, made)) / "root"


def _unpack(system: System, folder: Path) -> None:
    """Download and unpack; nothing is configured, as the emulated Python needs files only."""
    apt, target = folder / "apt", folder / "root"
    configuration = _configure(system, apt)
    environment = {"APT_CONFIG": str(configuration), "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    remedy = f"see that apt reaches a Debian mirror that has {system.suite}, and try again"
    call(["apt-get", "-qq", "update"], environment=environment, remedy=remedy)
    download = ["apt-get", "-qq", "-y", "install", "--download-only", "--no-install-recommends", *packages(system)]
    call(download, environment=environment, remedy=remedy)
    target.mkdir()
    for archive in sorted((apt / "cache" / "archives").glob("*.deb")):
        call(["dpkg-deb", "--extract", archive, target], remedy="free some space, and try again")
    if not (target / "lib").exists():  # which another package of the system, not unpacked here, has for a link
        (target / "lib").symlink_to("usr/lib")


def _configure(system: System, apt: Path) -> Path:
    """A configuration of apt that knows no packages but those of that system and has none installed; its file."""
    for name in ("lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True)
    (apt / "status").touch()
    (apt / "sources.list").write_text(f"deb [arch=arm64 signed-by={KEYRING}] {_mirror()} {system.suite} main\n")
    (apt / "apt.conf").write_text(CONFIGURATION.format(apt=apt.resolve()))
    return apt / "apt.conf"


def _mirror() -> str:
    """The address of the mirror that this machine's own system comes from."""
    remedy = "run it on Debian"
    try:
        codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    except OSError:
        codename = ""
    listed = call(
        ["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages", "Component: main"],
        remedy=remedy,
    )
    found = choose_mirror(listed, codename=codename)
    if found is None or not Path(KEYRING).is_file():
        raise LeukoliteError(
            expected="a machine with Debian's package sources and keyring",
            found=f"no {KEYRING}" if found else f"no source for {codename or 'its own release'}",
            remedy=remedy,
        )
    return found


def choose_mirror(listed: str, *, codename: str) -> str | None:
    """Of lines of release and address, the first address of the release itself, not of its updates; None without."""
    pairs = [line.split() for line in listed.splitlines()]
    return next((pair[1] for pair in pairs if len(pair) == 2 and pair[0] == codename), None)
