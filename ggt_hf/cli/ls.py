"""``ggt ls``: the pairs of a dataset."""

from __future__ import annotations

from typing import Annotated

import typer

from ggt_hf.cli.options import Json, Limit, Revision, Token, Where
from ggt_hf.cli.output import Output


def ls(
    where: Where,
    split: Annotated[str | None, typer.Option(help="Only this split.")] = None,
    category: Annotated[str | None, typer.Option(help="Only this category.")] = None,
    limit: Limit = None,
    json: Json = False,
    revision: Revision = None,
    token: Token = None,
) -> None:
    """List the pairs of a dataset, a line a pair, from its manifest alone.

    Examples:

      ggt ls out/ --limit 10

      ggt ls ORG/ggt-100k --split test --category rain --json
    """
    from ggt_hf.data.reading.inspection import select
    from ggt_hf.data.reading.reader import open_dataset

    with open_dataset(where, revision=revision, token=token) as store:
        rows = select(store, split=split, category=category, limit=limit)
    out = Output(as_json=json)
    out.table(
        [
            {
                "key": row.key,
                "split": row.split,
                "category": row.category,
                "width": row.width,
                "height": row.height,
                "lq": row.lq_format,
                "gt": row.gt_format,
                "num_bytes": row.lq.num_bytes + row.gt.num_bytes,
                "license": row.license,
                "origin": row.origin,
            }
            for row in rows
        ]
    )
    if not rows:
        out.remark("No pair is of that split and category.")
