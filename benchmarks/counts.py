"""Counts of instructions as tables."""

from collections.abc import Sequence

from benchmarks.instructions import END_TO_END, INVOKE, STAGES, BoardCounts
from edge_runtime.markdown import table

AIMS = {
    ("Raspberry Pi 4", INVOKE): 3_000_000,
    ("Raspberry Pi 5", INVOKE): 1_500_000,
    ("Raspberry Pi 4", END_TO_END): 15_000_000,
}
"""What an int8 model in the package is to stay below, by board and stage."""

PACKAGED = ("shipped int8", "portable int8")


def to_markdown(boards: Sequence[BoardCounts]) -> str:
    """The counts, in millions, and how they were obtained."""
    rows = [
        (
            board.board,
            name,
            *(f"{model.stages[stage].instructions / 1e6:.2f}" for stage in STAGES),
            f"{model.multiply_adds / 1e6:.1f}",
            f"{model.per_multiply_add:.2f}",
        )
        for board in boards
        for name, model in board.models.items()
    ]
    header = (
        "board",
        "model",
        *(stage.replace("_", " ") for stage in STAGES),
        "multiply-adds",
        "invoke / multiply-add",
    )
    return table(header, rows, align="ll" + "r" * (len(header) - 2)) + "\n" + "\n\n".join(map(_obtained, boards)) + "\n"


def aims(boards: Sequence[BoardCounts], *, models: Sequence[str]) -> str:
    """A table of what each of those models is to stay below, and whether it does."""
    rows = []
    for model in models:
        for board in boards:
            for (name, stage), most in AIMS.items():
                if name == board.board and model in board.models:
                    count = board.models[model].stages[stage].instructions
                    verdict = "met" if count <= most else f"missed: {count / most:.1f} times that"
                    rows.append(
                        (model, name, stage.replace("_", " "), f"{most / 1e6:g}", f"{count / 1e6:.2f}", verdict)
                    )
    return table(("model", "board", "stage", "aim", "is", ""), rows, align="lllrrl")


def since(boards: Sequence[BoardCounts], first: Sequence[BoardCounts]) -> str:
    """A table of every model's invoke beside that of the one model in `first`, counted on the same boards."""
    rows = []
    for board, before in zip(boards, first, strict=True):
        ((name, old),) = before.models.items()
        start = old.stages[INVOKE].instructions
        rows.append((board.board, name, f"{start / 1e6:.2f}", ""))
        for name, model in board.models.items():
            count = model.stages[INVOKE].instructions
            rows.append((board.board, name, f"{count / 1e6:.2f}", f"{round(count / start - 1, 2) + 0.0:+.0%}"))
    return table(("board", "model", "invoke", "change"), rows, align="llrr")


def figures(boards: Sequence[BoardCounts], *, first: Sequence[BoardCounts]) -> dict[str, str]:
    """All of them, by the names that docs/instructions.md has for them; `first` are the counts of the first model."""
    return {
        "instructions": to_markdown(boards),
        "instruction-aims": aims(boards, models=PACKAGED),
        "instructions-since": since(boards, first),
    }


def _obtained(board: BoardCounts) -> str:
    """A paragraph: millions of what, and by which versions."""
    versions = ", ".join(f"{name} {version}" for name, version in board.versions.items())
    spread = max(model.spread for model in board.models.values())
    repeated = f"{board.runs} runs with other seeds, at most {spread:.3%} of the whole path apart"
    return (
        f"{board.name} (`-cpu {board.processor}`), {board.date}, millions of instructions a picture"
        f"; {repeated if board.runs > 1 else 'one run'}; by {board.obtained}; {versions}; picture: {board.picture}."
    )
