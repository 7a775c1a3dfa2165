"""A roofline report as the tables of docs/roofline.md."""

from collections.abc import Sequence

from benchmarks.roofline.report import BoardUsed, Candidate, Network, Position, Report
from edge_runtime.board import is_busy
from edge_runtime.markdown import table

NOT_COUNTED = "No emulated board was asked.\n"
NETWORKS = "network"
"""The group of candidates that are whole networks."""


def figures(report: Report) -> dict[str, str]:
    """All tables, by the names that docs/roofline.md has for them."""
    return {
        "roofline-machine": _machine(report),
        "roofline-networks": _networks(report),
        "roofline-layers": "\n".join(_layers(report, network) for network in report.networks),
        "roofline-shapes": _shapes(report) if report.boards else NOT_COUNTED,
        "roofline-candidates": _candidates(report) if report.boards else NOT_COUNTED,
    }


def _machine(report: Report) -> str:
    """The ceilings, and how they were found."""
    rows = [
        (f"multiply-adds, {kind}", f"{peak.gmacs:.1f} G/s", f"{peak.spread:.0%}", peak.network.partition(", ")[2])
        for kind, peak in report.peaks.items()
    ]
    rows += [
        (f"bytes, {where}", f"{found.gb_s:.1f} GB/s", f"{found.spread:.0%}", f"a copy of {_size(found.copied_bytes)}")
        for where, found in report.bandwidths.items()
    ]
    rows += [
        (
            f"instructions a multiply-add, {kind}, {_short(used)}",
            f"{peak.per_multiply_add[board]:.3f}",
            "",
            "the fewest",
        )
        for kind, peak in report.peaks.items()
        for board, used in report.boards.items()
    ]
    caches = ", ".join(f"level {each.level} {_size(each.size_bytes)}" for each in report.caches) or "not told"
    cpu = report.provenance["platform"]["cpu"] or "an unknown processor"
    load, cpus = report.machine_state["load_1min_at_start"], report.machine_state["cpus"]
    busy = f" The machine was busy (load {load:.1f} on {cpus} processors)." if is_busy(load, cpus=cpus) else ""
    text = (
        f"One thread of {cpu}; data caches: {caches}. Medians of {report.rounds} rounds in turns; a call by itself,"
        f" {report.call.us:.1f} µs, is taken off; the reference workload took {report.reference.us / 1e3:.1f} ms.{busy}"
    )
    return table(("at best", "reached", "spread", "by"), rows, align="lrrl") + "\n" + text + "\n"


def _networks(report: Report) -> str:
    """A row a network."""
    rows = [
        (
            f"{network.name} ({network.sha256[:8]})",
            f"{network.whole.multiply_adds / 1e6:.1f} M",
            f"{network.whole.us:,.0f}",
            f"{network.whole.spread:.0%}",
            f"{network.whole.gmacs:.1f}",
            f"{network.whole.gmacs / report.peaks[network.kind].gmacs:.0%}",
            f"{network.share_of_sum:.2f}",
            *_counted(report, network, network.whole),
        )
        for network in report.networks
    ]
    header = ("network", "multiply-adds", "µs", "spread", "G/s", "of peak", "layers / whole", *_boards(report))
    return table(header, rows, align="l" + "r" * (len(header) - 1))


def _layers(report: Report, network: Network) -> str:
    """A row a layer, numbered as in the picture."""
    rows = [
        (
            number,
            f"{layer.name}{f', {layer.times} of them' if layer.times > 1 else ''}",
            f"{layer.times * layer.multiply_adds / 1e6:.2f} M",
            f"{layer.intensity:.1f}",
            f"{layer.times * layer.us / (network.share_of_sum * network.whole.us):.0%}",
            *_reached(report, network, layer),
            f"{layer.spread:.0%}",
            *_counted(report, network, layer),
        )
        for number, layer in enumerate(network.layers, 1)
    ]
    header = ("", network.name, "multiply-adds", "a byte", "of time", "of peak", "of roof", "spread", *_boards(report))
    return table(header, rows, align="rl" + "r" * (len(header) - 2))


def _reached(report: Report, network: Network, layer: Position) -> tuple[str, str]:
    """What part of the peak a layer reaches, and of its roof in the second cache."""
    if not layer.multiply_adds:
        return "", ""
    roof = report.roof(network, layer.intensity, where="second cache")
    return f"{layer.gmacs / report.peaks[network.kind].gmacs:.0%}", f"{layer.gmacs / roof:.0%}"


def _boards(report: Report) -> list[str]:
    """Columns for instructions a multiply-add."""
    return [f"{_short(used)}, instructions each" for used in report.boards.values()]


def _counted(report: Report, network: Network, position: Position) -> list[str]:
    """Their cells, and how near that is to the fewest.

    Of what multiplies nothing, or takes less than the call, thousands of instructions in all.
    """
    cells = []
    for board, used in report.boards.items():
        count, fewest = position.instructions[board], report.peaks[network.kind].per_multiply_add[board]
        if position.multiply_adds and count > used.call_instructions:
            each = count / position.multiply_adds
            cells.append(f"{each:.3f} ({fewest / each:.0%})")
        else:
            cells.append(f"{position.times * count / 1e3:,.0f} k in all")
    return cells


def _shapes(report: Report) -> str:
    """The sweep of single layers, a table a group."""
    groups: dict[str, list[Candidate]] = {}
    for candidate in report.candidates:
        if candidate.group != NETWORKS:
            groups.setdefault(candidate.group, []).append(candidate)
    return "\n".join(_group(report, name, members) for name, members in groups.items())


def _group(report: Report, name: str, members: Sequence[Candidate]) -> str:
    """One group: each shape's instructions, in thousands and for each multiply-add."""
    rows = []
    for each in members:
        counts = [each.instructions[board] for board in report.boards]
        cells = [text for count in counts for text in (f"{count / 1e3:,.0f}", f"{count / each.multiply_adds:.3f}")]
        rows.append((each.name, f"{each.multiply_adds / 1e3:,.0f}", *cells))
    header = [name, "multiply-adds, k"]
    for used in report.boards.values():
        header += [f"{_short(used)}, k", "each"]
    return table(header, rows, align="l" + "r" * (len(header) - 1))


def _candidates(report: Report) -> str:
    """Whole networks, against the first of them."""
    members = [each for each in report.candidates if each.group == NETWORKS]
    rows = []
    for each in members:
        cells = []
        for board in report.boards:
            count, before = each.instructions[board], members[0].instructions[board]
            cells += [f"{count / 1e6:.2f}", f"{count / each.multiply_adds:.3f}", f"{count / before - 1:+.0%}"]
        size = (f"{each.multiply_adds / 1e6:.1f} M", f"{each.parameters / 1e3:.0f} k")
        rows.append((f"`{each.name}`", *size, *cells))
    header = ["train float --preset cell", "multiply-adds", "parameters"]
    for used in report.boards.values():
        header += [f"{_short(used)}, M", "each", "change"]
    text = table(header, rows, align="l" + "r" * (len(header) - 1))
    return f"{text}\n{_obtained(report)}\n"


def _obtained(report: Report) -> str:
    """By which versions was counted, and what a call takes."""
    versions = next(iter(report.boards.values())).versions
    calls = ", ".join(f"{used.call_instructions:,} on {used.board}" for used in report.boards.values())
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"Counted under emulation, of random weights; a call by itself ({calls}) is taken off; {named}."


def _short(used: BoardUsed) -> str:
    """A board's name for a column."""
    return used.board.replace("Raspberry ", "")


def _size(size_bytes: int) -> str:
    """In kB or MB of 1024."""
    return f"{size_bytes / 2**20:g} MB" if size_bytes >= 2**20 else f"{size_bytes / 2**10:g} kB"
