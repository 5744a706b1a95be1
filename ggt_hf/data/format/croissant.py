"""Croissant metadata of a dataset: JSON-LD by which other frameworks find and read its records.

The vocabulary is MLCommons Croissant 1.0
(https://docs.mlcommons.org/croissant/docs/croissant-spec.html). Three record sets, all by the
pair's key: ``rows`` is the manifest, ``lq`` and ``gt`` are the pictures.
"""

from __future__ import annotations

from typing import Any

from ggt_hf.data.format.manifest import DatasetInfo
from ggt_hf.data.format.schema import MANIFEST_PATH

CROISSANT_PATH = "croissant.json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The specification's own context, word for word: validators compare it."""

KEY = r"^(.+)\.(?:lq|gt|json)$"
"""A member's name -> its pair's key."""
COLUMNS = {
    "split": ("sc:Text", "The split it belongs to."),
    "category": ("sc:Text", "The degradation."),
    "width": ("sc:Integer", "Pixels across, of both pictures."),
    "height": ("sc:Integer", "Pixels down, of both pictures."),
    "license": ("sc:Text", "The licence of this pair."),
    "origin": ("sc:Text", "Where the ground truth comes from."),
}
"""Manifest column -> type and description."""
PICTURES = {
    "lq": "The low-quality picture.",
    "gt": "The ground truth.",
}


def croissant(
    info: DatasetInfo,
    *,
    name: str,
    description: str,
    licenses: list[str],
    base_url: str = "",
) -> dict[str, Any]:
    """Return the JSON-LD document of a dataset.

    Args:
        info: the dataset's record; every file of the document carries its hash from there.
        name: the dataset's name.
        description: a sentence or more.
        licenses: identifiers of every licence a pair has.
        base_url: what the paths inside the dataset are put behind, such as
            ``https://huggingface.co/datasets/ORG/NAME/resolve/v1/``; empty = beside the document.
    """
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": name,
        "description": description,
        "license": licenses,
        "url": base_url or ".",
        "version": f"{info.format_version}.0.0+{info.root_hash[:12]}",
        "distribution": _distribution(info, base_url),
        "recordSet": [_rows(), *(_pictures(side, text) for side, text in PICTURES.items())],
    }


def _distribution(info: DatasetInfo, base_url: str) -> list[dict[str, Any]]:
    manifest = _file(
        "manifest", MANIFEST_PATH, base_url, info.manifest_sha256, "application/x-parquet"
    )
    shards = [
        _file(s.path, s.path, base_url, s.sha256, "application/x-tar")
        | {"contentSize": f"{s.num_bytes} B"}
        for s in info.shards
    ]
    sets = [
        {
            "@type": "cr:FileSet",
            "@id": f"{side}-files",
            "name": f"{side}-files",
            "description": text,
            "containedIn": [{"@id": shard.path} for shard in info.shards],
            "encodingFormat": "image/*",
            "includes": f"*.{side}",
        }
        for side, text in PICTURES.items()
    ]
    return [manifest, *shards, *sets]


def _file(id_: str, path: str, base_url: str, sha256: str, encoding: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": id_,
        "name": id_,
        "contentUrl": base_url + path,
        "encodingFormat": encoding,
        "sha256": sha256,
    }


def _rows() -> dict[str, Any]:
    """What the manifest says of each pair."""
    columns = {"key": ("sc:Text", "The name of the pair."), **COLUMNS}
    return _record_set(
        "rows",
        "A record a pair: what the manifest says of it.",
        [
            _field(f"rows/{column}", kind, text, _column(column))
            for column, (kind, text) in columns.items()
        ],
    )


def _pictures(side: str, text: str) -> dict[str, Any]:
    """One side of each pair, by the name of the pair.

    Both sides in one record set would be a join of two member names by their stem, which readers
    of Croissant cannot do.
    """
    key: dict[str, Any] = {
        "fileSet": {"@id": f"{side}-files"},
        "extract": {"fileProperty": "filename"},
        "transform": {"regex": KEY},
    }
    content = {"fileSet": {"@id": f"{side}-files"}, "extract": {"fileProperty": "content"}}
    fields = [
        _field(f"{side}/key", "sc:Text", "The name of the pair.", key),
        _field(f"{side}/image", "sc:ImageObject", text, content),
    ]
    return _record_set(f"{side}", text, fields)


def _record_set(name: str, text: str, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": text,
        "key": {"@id": f"{name}/key"},
        "field": fields,
    }


def _field(id_: str, kind: str, text: str, source: dict[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": id_,
        "name": id_.partition("/")[2],
        "description": text,
        "dataType": kind,
        "source": source,
    }


def _column(column: str) -> dict[str, Any]:
    return {"fileObject": {"@id": "manifest"}, "extract": {"column": column}}
