"""A pipeline's folder that plain diffusers loads without our package.

diffusers fetches two files of code from such a repository, and only with ``trust_remote_code``:
``pipeline.py`` at its root and the component's own file in the component's folder. So everything
that the pipeline imports of ours is written into the first.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ggt_hf.errors import UsageError

if TYPE_CHECKING:
    from ggt_hf.restoration.pipelines.one_step import OneStepRestorationPipeline

_ROOM = Path(__file__).parent
_PIPELINE_PARTS = ("tiling.py", "colour.py", "pipelines/pictures.py", "pipelines/one_step.py")
_NETWORK = "network.py"


def export_pipeline(pipeline: OneStepRestorationPipeline, out: Path) -> None:
    """Write a pipeline to `out`, together with the code that it needs.

    ``DiffusionPipeline.from_pretrained(out, trust_remote_code=True)`` loads it with that code;
    ``OneStepRestorationPipeline.from_pretrained(out)`` with ours, and trusts none.

    Raises:
        UsageError: `out` exists and is no empty folder.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there and not empty.", hint="Name a new folder.")
    pipeline.save_pretrained(out)
    code = "\n\n".join(_stand_alone(_ROOM / part) for part in _PIPELINE_PARTS)
    (out / "pipeline.py").write_text(f"from __future__ import annotations\n\n{code}", "utf-8")
    network = (_ROOM / _NETWORK).read_text(encoding="utf-8")
    (out / "restorer" / _NETWORK).write_text(network, encoding="utf-8")
    index = json.loads((out / "model_index.json").read_text(encoding="utf-8"))
    index["_class_name"] = ["pipeline", type(pipeline).__name__]
    index["restorer"] = [Path(_NETWORK).stem, type(pipeline.restorer).__name__]
    (out / "model_index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _stand_alone(path: Path) -> str:
    """Return a module's source without its imports from our package and from the future."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        if node.module == "__future__" or node.module.startswith("ggt_hf"):
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[number] = ""
    return "\n".join(lines)
