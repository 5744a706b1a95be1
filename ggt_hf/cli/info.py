"""``ggt info``: what a dataset holds."""

from __future__ import annotations

from typing import Any

from ggt_hf.cli.options import Json, Revision, Token, Where
from ggt_hf.cli.output import Output, num_bytes


def info(where: Where, json: Json = False, revision: Revision = None, token: Token = None) -> None:
    """Say what a dataset holds: counts, bytes, formats, licences, origins, root hash.

    Examples:

      ggt info out/

      ggt info ORG/ggt-100k --revision v1 --json
    """
    from ggt_hf.data.reading.inspection import summary
    from ggt_hf.data.reading.reader import open_dataset

    with open_dataset(where, revision=revision, token=token) as store:
        fields = summary(store)
    Output(as_json=json).result(fields, _text(fields))


def _text(fields: dict[str, Any]) -> str:
    at = f"@{fields['revision']}" if fields["revision"] else ""
    widths, heights = fields["sizes"]["width"], fields["sizes"]["height"]
    lines = [
        f"{fields['name']}{at}",
        f"{fields['num_pairs']:,} pairs in {fields['num_shards']:,} shards, "
        f"{num_bytes(fields['num_bytes'])}, format v{fields['format_version']}",
        "",
        *_counts(fields["counts"]),
        "",
        f"lq        {_tally(fields['formats']['lq'])}",
        f"gt        {_tally(fields['formats']['gt'])}",
        f"width     {_range(widths)} px",
        f"height    {_range(heights)} px",
        f"licences  {_tally(fields['licenses'])}",
        f"origins   {_tally(fields['origins'])}",
        f"root      {fields['root_hash']}",
    ]
    return "\n".join(lines)


def _counts(counts: dict[str, dict[str, int]]) -> list[str]:
    """Return a table: a line a split, a column a category, and the total."""
    categories = sorted({category for row in counts.values() for category in row})
    table = [["split", *categories, "all"]]
    for split in sorted(counts, reverse=True):
        cells = [counts[split].get(category, 0) for category in categories]
        table.append([split, *(f"{n:,}" for n in (*cells, sum(cells)))])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in table
    ]


def _tally(counts: dict[str, int]) -> str:
    return ", ".join(f"{value} {count:,}" for value, count in counts.items())


def _range(bounds: list[int]) -> str:
    low, high = bounds
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
