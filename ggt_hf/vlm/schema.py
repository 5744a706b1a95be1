"""From a model's words to data that a JSON Schema allows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ggt_hf.errors import MissingExtraError


def read_json(text: str, schema: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
    """Find the JSON object in a model's words and check it.

    Words before and after the object, such as a code fence or a thought, are passed over; of
    several objects the last one that can be read counts.

    Returns:
        ``(data, None)``, or ``(None, problem)`` with the problem in words for the model.
    """
    found = _last_object(text)
    if found is None:
        return None, "it holds no complete JSON object"
    problem = first_problem(found, schema)
    return (None, problem) if problem else (found, None)


def first_problem(data: Any, schema: Mapping[str, Any]) -> str | None:
    """Say the most telling way in which `data` breaks `schema`; ``None`` = it keeps it.

    Raises:
        MissingExtraError: jsonschema is not installed.
    """
    try:
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import best_match
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("jsonschema", "qc", "Checking a model's answer") from error

    worst = best_match(Draft202012Validator(schema).iter_errors(data))
    return f"at {worst.json_path}: {worst.message[:300]}" if worst else None


def _last_object(text: str) -> dict[str, Any] | None:
    decoder = json.JSONDecoder()
    last: dict[str, Any] | None = None
    start = text.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
            continue
        last = value
        start = text.find("{", end)
    return last
