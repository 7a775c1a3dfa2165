"""Counts of instructions, made up."""

from benchmarks.instructions import STAGES, BoardCounts, ModelCounts, Stage

COUNTS = {"decode": 2_000_000, "locate": 7_000_000, "invoke": 5_000_000, "postprocess": 100_000}
VERSIONS = {
    "qemu": "7.2.22", "libc6": "2.36", "python": "3.11.2", "ai-edge-litert": "2.3.0", "numpy": "2.4.6",
    "pillow": "13.0.0",
}  # fmt: skip


def model(*, sha256: str = "ab" * 32, spread: int = 0, **changes: int) -> ModelCounts:
    """A model; `changes` are stages with other counts, in which end_to_end follows unless it is named."""
    counts = {**COUNTS, **changes}
    counts.setdefault("end_to_end", sum(counts.values()))
    stages = {name: Stage(counts[name], spread) for name in STAGES}
    return ModelCounts(sha256=sha256, variant="int8_qat", view="cell", multiply_adds=10_000_000, stages=stages)


def board(*, versions: dict[str, str] | None = None, picture: str = "cd" * 32, **models: ModelCounts) -> BoardCounts:
    """A board with these models, or with one."""
    return BoardCounts(
        board="Raspberry Pi 4",
        processor="cortex-a72",
        date="2026-11-26",
        runs=3,
        versions={**VERSIONS, **(versions or {})},
        picture="generated",
        picture_sha256=picture,
        models=models or {"int8": model()},
    )
