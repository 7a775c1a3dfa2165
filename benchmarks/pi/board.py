"""The Raspberry Pis that are emulated: what qemu calls their processor, and what Linux says of it below /proc and /sys.

LiteRT asks both files before it chooses its kernels: without them it leaves XNNPACK out or crashes, and with those of a
newer processor than the emulated one it runs instructions that this one lacks.
"""

from dataclasses import dataclass
from pathlib import Path

CORES = 4


@dataclass(frozen=True)
class Cache:
    """One cache of each core: `shared` says whether all cores have it together."""

    level: int
    kind: str
    size_kb: int
    shared: bool = False


@dataclass(frozen=True)
class Board:
    """A board; `part`, `variant` and `revision` are those of its processor's identification register."""

    name: str
    qemu_cpu: str
    part: str
    variant: str
    revision: int
    features: str
    max_khz: int
    caches: tuple[Cache, ...]

    def files(self) -> dict[str, str]:
        """What is below / on that board, of what LiteRT reads: relative path -> content."""
        cores = range(CORES)
        files = {"proc/cpuinfo": "".join(f"{self._cpuinfo(core)}\n" for core in cores) + self._signature()}
        folder = "sys/devices/system/cpu"
        files |= {f"{folder}/{name}": f"0-{CORES - 1}\n" for name in ("possible", "present", "online")}
        files[f"{folder}/kernel_max"] = "255\n"
        for core in cores:
            files |= {f"{folder}/cpu{core}/{name}": f"{value}\n" for name, value in self._core(core).items()}
        return files

    def _cpuinfo(self, core: int) -> str:
        """The paragraph of one core."""
        return (
            f"processor\t: {core}\nBogoMIPS\t: 108.00\nFeatures\t: {self.features}\nCPU implementer\t: 0x41\n"
            f"CPU architecture: 8\nCPU variant\t: {self.variant}\nCPU part\t: {self.part}\n"
            f"CPU revision\t: {self.revision}\n"
        )

    def _signature(self) -> str:
        """The last line: its name, which says that it is none of flesh and blood."""
        return f"Model\t\t: {self.name}, emulated (qemu-user)\n"

    def _core(self, core: int) -> dict[str, str]:
        """What is below the folder of one core."""
        values = {
            "cpufreq/cpuinfo_max_freq": str(self.max_khz),
            "cpufreq/cpuinfo_min_freq": "600000",
            "topology/physical_package_id": "0",
            "topology/core_id": str(core),
            "topology/core_siblings_list": f"0-{CORES - 1}",
            "topology/cluster_cpus_list": str(core),
        }
        for index, cache in enumerate(self.caches):
            values |= {
                f"cache/index{index}/level": str(cache.level),
                f"cache/index{index}/type": cache.kind,
                f"cache/index{index}/size": f"{cache.size_kb}K",
                f"cache/index{index}/shared_cpu_list": f"0-{CORES - 1}" if cache.shared else str(core),
            }
        return values


PI_4 = Board(
    name="Raspberry Pi 4",
    qemu_cpu="cortex-a72",
    part="0xd08",
    variant="0x0",
    revision=3,
    features="fp asimd evtstrm crc32 cpuid",
    max_khz=1_800_000,
    caches=(Cache(1, "Data", 32), Cache(1, "Instruction", 48), Cache(2, "Unified", 1024, shared=True)),
)
PI_5 = Board(
    name="Raspberry Pi 5",
    qemu_cpu="cortex-a76",
    part="0xd0b",
    variant="0x4",
    revision=1,
    features="fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp",
    max_khz=2_400_000,
    caches=(
        Cache(1, "Data", 64),
        Cache(1, "Instruction", 64),
        Cache(2, "Unified", 512),
        Cache(3, "Unified", 2048, shared=True),
    ),
)


def write(board: Board, root: Path) -> None:
    """Write its files below a folder."""
    for name, text in board.files().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
