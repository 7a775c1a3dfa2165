"""The results of a bulk run: a Parquet file a shard, a row an image, and what was counted in them.

pyarrow is no dependency of the device: it is imported where it is used (extra `cluster`).
"""

import io
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from edge_runtime.bulk.plan import Plan, shard_name
from edge_runtime.bulk.store import READERS, Store
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.prediction import Prediction


def to_parquet(predictions: Iterable[Prediction], *, labels: Sequence[str]) -> bytes:
    """A Parquet file of predictions, a row an image, in `schema(labels)`."""
    import pyarrow
    from pyarrow import parquet

    rows = [
        {**fields, "probabilities": fields["probabilities"] or None}
        for fields in (prediction.to_json() for prediction in predictions)
    ]
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema(labels)), buffer)
    return buffer.getvalue()


def schema(labels: Sequence[str]) -> Any:
    """The columns of the results: the contract's JSON object of an image, its inner objects as structs.

    float32 holds a model's probabilities exactly. After an error all but `path`, `abstained`, `error` and `cells`,
    which is then empty, are null.
    """
    import pyarrow as pa

    number, text, flag = pa.float32(), pa.string(), pa.bool_()
    probabilities = pa.struct([(label, number) for label in labels])
    box = pa.struct([(side, pa.int32()) for side in ("left", "top", "right", "bottom")])
    cell = [("box", box), ("label", text), ("confidence", number), ("probabilities", probabilities)]
    return pa.schema(
        [
            pa.field("path", text, nullable=False),
            pa.field("label", text),
            pa.field("confidence", number),
            pa.field("probabilities", probabilities),
            pa.field("abstained", flag, nullable=False),
            pa.field("error", text),
            pa.field("latency_ms", pa.struct([(part, number) for part in ("decode", "invoke", "total")])),
            pa.field("reason", text),
            pa.field("cells", pa.list_(pa.struct([*cell, ("abstained", flag)]))),
        ]
    )


def count(plan: Plan, store: Store) -> tuple[int, int]:
    """Images and errors in an output, read from the files' own ends and checked against the plan, shard for shard.

    Raises LeukoliteError when a file cannot be read or has not one row for each image of its shard.
    """
    images = errors = 0
    with ThreadPoolExecutor(READERS) as pool:
        for rows, bad in pool.map(lambda shard: _count(plan, store, shard), range(plan.shards)):
            images, errors = images + rows, errors + bad
    return images, errors


def _count(plan: Plan, store: Store, shard: int) -> tuple[int, int]:
    """Rows and errors of a shard."""
    from pyarrow import parquet

    try:
        with store.open(shard_name(shard)) as stream:
            end = parquet.read_metadata(stream)
        column = next(leaf for leaf in range(end.num_columns) if end.schema.column(leaf).path == "error")
        groups = (end.row_group(number).column(column).statistics for number in range(end.num_row_groups))
        rows = end.num_rows
        bad, found = rows - sum(group.null_count for group in groups), str(rows)
    except (OSError, ValueError, StopIteration) as error:
        rows, bad, found = -1, 0, reason(error)
    if rows != plan.size(shard):
        raise LeukoliteError(
            expected=f"{plan.size(shard)} rows in {shard_name(shard)} at {show(store.name)}",
            found=found,
            remedy="remove that file and run the same command again",
        )
    return rows, bad
