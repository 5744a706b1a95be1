"""Hold a local model to a JSON Schema, token by token, by xgrammar."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def schema_processor(tokenizer: Any, model: Any, schema: Mapping[str, Any]) -> Any:
    """Return a logits processor for one call of ``generate``; it cannot be used twice."""
    import xgrammar

    size = model.get_output_embeddings().weight.shape[0]
    info = xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=size)
    compiler = xgrammar.GrammarCompiler(info)
    grammar = compiler.compile_json_schema(json.dumps(dict(schema)), any_whitespace=False)
    return xgrammar.contrib.hf.LogitsProcessor(grammar)
