"""What classifying a very large collection takes, worked out from a measured rate and the reader's own prices."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.bulk import Report
from benchmarks.rates import derive
from edge_runtime.bulk.store import REQUESTS_AN_OBJECT
from edge_runtime.errors import LeukoliteError
from edge_runtime.markdown import table


@dataclass(frozen=True)
class Assumptions:
    """What no benchmark here can know. Prices are in the reader's currency and nobody's list prices."""

    images: int = 1_000_000_000
    cores: int = 64
    price_core_hour: float = 0.05
    price_million_requests: float = 0.4

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if not 0 <= value < float("inf") or (name in ("images", "cores") and value < 1):
                raise LeukoliteError(
                    expected=f"{name} to be a number above 0", found=str(value), remedy="correct it or leave it out"
                )


@dataclass(frozen=True)
class Bill:
    """Work, time and money. `hours` hold while every core does what one of the measured did."""

    core_hours: float
    hours: float
    terabytes_read: float
    compute: float
    requests: float

    @property
    def total(self) -> float:
        """Compute and requests."""
        return self.compute + self.requests


def work_out(report: Report, assumed: Assumptions) -> Bill:
    """The bill by the steady rate of the benchmark: one actor a core, as there."""
    seconds = assumed.images / (derive(report).bulk_steady / report.actors)
    core_hours = seconds / 3600
    return Bill(
        core_hours=core_hours,
        hours=core_hours / assumed.cores,
        terabytes_read=assumed.images * report.image_bytes / report.images / 1e12,
        compute=core_hours * assumed.price_core_hour,
        requests=assumed.images * REQUESTS_AN_OBJECT / 1e6 * assumed.price_million_requests,
    )


def to_markdown(report: Report, assumed: Assumptions) -> str:
    """The worked example."""
    return table(("", "worked out", "result"), _rows(report, assumed), align="llr")


def _rows(report: Report, assumed: Assumptions) -> Iterator[tuple[str, str, str]]:
    """Its steps."""
    bill = work_out(report, assumed)
    a_core, size = derive(report).bulk_steady / report.actors, report.image_bytes / report.images
    images = f"{assumed.images:,} images"
    yield ("rate of a core (measured)", f"steady rate / {report.actors} actors", f"{a_core:,.0f} images/s")
    yield ("work", f"{images} / rate", f"{bill.core_hours:,.0f} core hours")
    yield (f"time on {assumed.cores} cores (assumed)", f"work / {assumed.cores}", f"{bill.hours:,.1f} hours")
    yield ("read", f"{images} x {size / 1e3:.1f} kB", f"{bill.terabytes_read:,.1f} TB")
    yield ("network it takes", "read / time", f"{8e3 * bill.terabytes_read / bill.hours / 3600:,.2f} Gbit/s")
    yield ("compute", f"work x {assumed.price_core_hour:g} a core hour (assumed)", f"{bill.compute:,.2f}")
    price = f"{assumed.price_million_requests:g} a million (assumed)"
    yield ("object store", f"{images} x {REQUESTS_AN_OBJECT} requests x {price}", f"{bill.requests:,.2f}")
    yield ("**together**", "compute + object store", f"**{bill.total:,.2f}**")
