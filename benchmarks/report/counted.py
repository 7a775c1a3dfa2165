"""Instructions a picture on the emulated boards: what is kept in benchmarks/reference and gated in CI."""

from collections.abc import Sequence

from benchmarks.instructions import DECODE, END_TO_END, INVOKE, LOCATE, POSTPROCESS, BoardCounts
from benchmarks.report.drawing import Stack, stacks
from benchmarks.report.latencies import PARTS
from benchmarks.report.section import Section, Table

_PARTS = (DECODE, LOCATE, INVOKE, POSTPROCESS)
_MILLION = 1e6


def section(boards: Sequence[BoardCounts]) -> Section:
    """A picture a board, and all figures."""
    header = ("board", "model", *_PARTS, "end to end")
    rows = [
        (board.name, name, *(f"{model.stages[stage].instructions / _MILLION:.2f}" for stage in (*_PARTS, END_TO_END)))
        for board in boards
        for name, model in board.models.items()
    ]
    return Section(
        "Instructions on emulated boards",
        notes=(
            "Millions of instructions a picture, JPEG bytes to label, of the models that are kept in this checkout:"
            " without noise, but no time. No Raspberry Pi counted this; docs/instructions.md says how it was obtained.",
        ),
        legend="Upright stroke: the whole path.",
        drawings=[_drawn(board) for board in boards],
        tables=(Table(header, rows, "ll" + "r" * (len(header) - 2)),),
    )


def _drawn(board: BoardCounts) -> str:
    """A stack a model."""
    rows = []
    for name, model in board.models.items():
        counts = {stage: each.instructions / _MILLION for stage, each in model.stages.items()}
        said = f"{counts[END_TO_END]:.1f} M, invoke {counts[INVOKE]:.1f} M"
        rows.append(Stack(name, {part: counts[part] for part in _PARTS}, counts[END_TO_END], said=said))
    meaning = "; ".join(f"{row.name}: {row.said}" for row in rows)
    return stacks(rows, PARTS, title=board.name, unit="millions of instructions", meaning=meaning)
