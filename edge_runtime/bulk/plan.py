"""What a bulk run has to do, written down before it begins: which image belongs to which shard, and by which model.

A shard is a fixed list of images and one Parquet file of their results; that file exists whole or not at all. So a
run that died goes on with the shards that have no file, and what is done is neither lost nor done twice.

OUTPUT/shard-00000000.parquet ...          the results
OUTPUT/_leukolite/plan-00000.parquet ...   the names of the images, a row group a shard
OUTPUT/_leukolite/plan.json                the rest, written last
"""

import io
import itertools
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edge_runtime.bulk.store import Store
from edge_runtime.classifier import Classifier
from edge_runtime.errors import LeukoliteError, reason, show

SCHEMA_VERSION = 1
SHARD_SIZE = 1000
PART_SIZE = 100_000
"""Names in a file of the plan, about 10 MB: all that is held in memory while the plan is made."""

FOLDER = "_leukolite"  # with its underscore, readers of Parquet folders leave it out
PLAN = f"{FOLDER}/plan.json"

_SHARD = re.compile(r"shard-(\d{8,})\.parquet")
_LEFT = re.compile(r"\.shard-\d{8,}\..*")


@dataclass(frozen=True)
class Plan:
    """What is done to which images. `model` is the bundle's SHA-256; `planned` a time in UTC, ISO 8601."""

    schema_version: int
    input: str
    images: int
    shard_size: int
    model: str
    labels: tuple[str, ...]
    threshold: float
    planned: str

    @property
    def shards(self) -> int:
        """How many there are; the last one may be smaller."""
        return -(-self.images // self.shard_size)

    def size(self, shard: int) -> int:
        """The number of images in a shard."""
        return min(self.shard_size, self.images - shard * self.shard_size)

    def names(self, store: Store, shard: int) -> list[str]:
        """The names of a shard's images, from the plan's files below the output `store`."""
        from pyarrow import parquet

        part, group = divmod(shard, _shards_a_part(self.shard_size))
        with store.open(_part(part)) as stream:
            column = parquet.ParquetFile(stream).read_row_group(group).column("name")
        return [os.fsdecode(name) for name in column.to_pylist()]

    def to_json(self) -> dict[str, Any]:
        """A JSON object of all fields."""
        return asdict(self)


def shard_name(shard: int) -> str:
    """The file of a shard's results."""
    return f"shard-{shard:08d}.parquet"


def begun_name(shard: int) -> str:
    """The file, hidden from readers, that stands for a shard that is being done; its length counts the attempts."""
    return f".shard-{shard:08d}.begun"


def done(store: Store) -> set[int]:
    """The shards whose results are there."""
    return {int(found[1]) for found in map(_SHARD.fullmatch, store.names()) if found}


def tidy(store: Store) -> None:
    """Remove what workers that were killed left; not to be called while some are at work."""
    for name in filter(_LEFT.fullmatch, store.names()):
        store.delete(name)


def open_plan(
    source: Store, target: Store, *, classifier: Classifier, shard_size: int | None = None
) -> tuple[Plan, bool]:
    """The plan of the output `target`, and whether it was there before; made and written if not.

    Raises LeukoliteError when `target` belongs to another model, input or shard size or holds something else, and
    when there is no image below `source`.
    """
    names = target.names()
    if FOLDER in names and (fields := _load(target)) is not None:
        wanted = {
            "schema_version": SCHEMA_VERSION,
            "model": classifier.digest,
            "input": printable(source.name),
            "threshold": classifier.threshold,
            "shard_size": shard_size or fields.get("shard_size"),
        }
        _check_same(fields, wanted, target=target)
        return _from_json(fields, target=target), True
    if foreign := [name for name in names if name != FOLDER]:
        raise LeukoliteError(
            expected=f"an empty folder, or one of `leukolite bulk`, at {show(target.name)}",
            found=f"one that holds {show(foreign[0])}",
            remedy="name another OUTPUT",
        )
    return _make(source, target, classifier=classifier, shard_size=shard_size or SHARD_SIZE), False


def _make(source: Store, target: Store, *, classifier: Classifier, shard_size: int) -> Plan:
    """List the images, write the plan's files and, last, the plan."""
    images, names = 0, source.images()
    for part in itertools.count():
        chunk = list(itertools.islice(names, shard_size * _shards_a_part(shard_size)))
        if not chunk:
            break
        target.write(_part(part), _to_parquet(chunk, shard_size))
        images += len(chunk)
    if not images:
        raise LeukoliteError(
            expected=f"a folder with images at {show(source.name)}", found="no image in it", remedy="check the address"
        )
    plan = Plan(
        schema_version=SCHEMA_VERSION,
        input=printable(source.name),
        images=images,
        shard_size=shard_size,
        model=classifier.digest,
        labels=classifier.card.labels,
        threshold=classifier.threshold,
        planned=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    target.write(PLAN, (json.dumps(plan.to_json(), indent=1, ensure_ascii=False) + "\n").encode())
    return plan


def printable(name: str) -> str:
    """A file name as Parquet can hold it: bytes that are not UTF-8 are written as backslash escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _load(store: Store) -> dict[str, Any] | None:
    """The fields of the plan in `store`; None where there is none, as when making it was interrupted."""
    try:
        with store.open(PLAN) as stream:
            fields = json.loads(stream.read())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _damaged(store, error) from error
    return fields if isinstance(fields, dict) else {}


def _check_same(fields: Mapping[str, Any], wanted: Mapping[str, Any], *, target: Store) -> None:
    """Refuse an output whose results would not be those that are asked for."""
    for name, value in wanted.items():
        if fields.get(name) != value:
            raise LeukoliteError(
                expected=f"an output of {name} {value} at {show(target.name)}",
                found=f"one of {name} {show(fields.get(name))}",
                remedy="ask for the same as in its first run, or name another OUTPUT",
            )


def _from_json(fields: Mapping[str, Any], *, target: Store) -> Plan:
    """The plan of checked fields."""
    try:
        known = {name: fields[name] for name in Plan.__dataclass_fields__}
        return Plan(**{**known, "labels": tuple(known["labels"]), "images": int(known["images"])})
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(target, error) from error


def _damaged(store: Store, error: Exception) -> LeukoliteError:
    """What to tell the user of a plan that cannot be read."""
    return LeukoliteError(
        expected=f"the plan of a bulk run at {show(store.name)}/{PLAN}",
        found=reason(error),
        remedy="check your access to it, or name another OUTPUT",
    )


def _shards_a_part(shard_size: int) -> int:
    """How many shards a file of the plan lists."""
    return max(1, PART_SIZE // shard_size)


def _part(number: int) -> str:
    """A file of the plan."""
    return f"{FOLDER}/plan-{number:05d}.parquet"


def _to_parquet(names: Sequence[str], shard_size: int) -> bytes:
    """A file of the plan; bytes, since file names need not be valid UTF-8."""
    import pyarrow
    from pyarrow import parquet

    buffer = io.BytesIO()
    table = pyarrow.table({"name": pyarrow.array([os.fsencode(name) for name in names], pyarrow.binary())})
    parquet.write_table(table, buffer, row_group_size=shard_size)
    return buffer.getvalue()
