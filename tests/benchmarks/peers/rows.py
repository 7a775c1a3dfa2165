"""A report whose figures are known."""

from benchmarks.peers.report import Report, Row, Time


def row(engine, *, network="leukolite", kind="int8", ms=1.0, accuracy=0.9, times=None, alike=1.0, kb=100):
    """One entrant; ours takes 1 ms."""
    return Row(
        name=" ".join(dict.fromkeys((engine, network, kind))),
        engine=engine,
        network=network,
        kind=kind,
        package="a-package 1.0",
        size_bytes=kb * 1000,
        invoke=Time(ms / 2, (ms / 3, ms)),
        end_to_end=Time(ms, (ms / 2, 2 * ms)),
        times=ms if times is None else times,
        times_ci95=(ms / 2, 2 * ms),
        accuracy=accuracy,
        accuracy_ci95=(accuracy - 0.05, accuracy + 0.05) if alike else None,
        n=100,
        alike=alike,
    )


def report(*rows, left_out=None):
    """Of these; ours first."""
    return Report(
        rows=rows,
        left_out=left_out or {},
        about={
            "pictures": 3,
            "block": 10,
            "repeats": 2,
            "unit": "time by the clock",
            "tested": {"split": "TEST", "n": 100, "sha256": "0" * 64},
        },
        machine_state={"load_1min_at_start": 0.1, "cpus": 2},
        provenance={"platform": {"cpu": "a processor"}},
    )
