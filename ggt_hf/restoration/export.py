"""A pipeline's folder that plain diffusers loads without our package.

diffusers fetches code from such a repository, and runs it, only with ``trust_remote_code``:
``pipeline.py`` at its root, and a component's own file in the component's folder. So everything
that the pipeline imports of ours is written into the first.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ggt_hf.errors import UsageError

if TYPE_CHECKING:
    from ggt_hf.restoration.pipelines.editing import EditingRestorer
    from ggt_hf.restoration.pipelines.one_step import OneStepRestorationPipeline

_PACKAGE = Path(__file__).parents[1]
_COMMON = ("restoration/tiling.py", "restoration/colour.py", "restoration/pipelines/pictures.py")
_ONE_STEP = (*_COMMON, "restoration/pipelines/one_step.py")
_EDITING = (
    *_COMMON,
    "synthesis/editors/grid.py",
    "synthesis/editors/families.py",
    "restoration/pipelines/tiled_edit.py",
    "restoration/pipelines/editing.py",
)
_NETWORK = "restoration/network.py"


def export_pipeline(pipeline: OneStepRestorationPipeline | EditingRestorer, out: Path) -> None:
    """Write a pipeline to `out`, together with the code that it needs.

    Our own classes load it as they load any folder, and run none of that code. Without this
    package, diffusers loads a one-step restorer by ``DiffusionPipeline.from_pretrained(out,
    trust_remote_code=True)``, and an instruction-editing one by the same with
    ``custom_pipeline="pipeline"``; less that and the trust, it is the plain editing pipeline.

    Raises:
        UsageError: `out` exists and is no empty folder.
    """
    from ggt_hf.restoration.pipelines.one_step import OneStepRestorationPipeline

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there and not empty.", hint="Name a new folder.")
    whole: Any = pipeline
    if isinstance(pipeline, OneStepRestorationPipeline):
        whole.save_pretrained(out)
        _write_code(out, _ONE_STEP)
        _name_code(out, whole)
        return
    whole.set_defaults(pipeline.prompt)
    whole.save_pretrained(out)
    family = Path(inspect.getfile(type(pipeline))).relative_to(_PACKAGE)
    _write_code(out, (*_EDITING, str(family)), f"BUNDLED.update({pipeline.defaults!r})\n")


def _write_code(out: Path, parts: Sequence[str], end: str = "") -> None:
    code = "\n\n".join([*(_stand_alone(_PACKAGE / part) for part in parts), end])
    (out / "pipeline.py").write_text(f"from __future__ import annotations\n\n{code}", "utf-8")


def _name_code(out: Path, pipeline: Any) -> None:
    """Put the network's code beside its weights, and let the index name both files of code."""
    network = _PACKAGE / _NETWORK
    (out / "restorer" / network.name).write_bytes(network.read_bytes())
    index = json.loads((out / "model_index.json").read_text(encoding="utf-8"))
    index["_class_name"] = ["pipeline", type(pipeline).__name__]
    index["restorer"] = [network.stem, type(pipeline.restorer).__name__]
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
