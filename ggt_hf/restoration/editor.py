"""The embedded restorer as an editor: candidate targets offline, without a price."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING

from ggt_hf.errors import UsageError
from ggt_hf.restoration.embedded import EMBEDDED, EMBEDDED_ID, embedded_revision
from ggt_hf.restoration.loading import load_restorer, require_restoring
from ggt_hf.synthesis.editors import opening
from ggt_hf.synthesis.editors.editor import Editor
from ggt_hf.synthesis.editors.offline import FunctionEditor
from ggt_hf.synthesis.editors.opening import EditorOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ggt_hf.restoration.pipelines.one_step import OneStepRestorationPipeline


def open_editor(name: str, options: EditorOptions | None = None) -> Editor:
    """Return the editor of a name, as `ggt_hf.synthesis.editors.opening.open_editor`, and
    ``embedded``, which is of a room above that of editors.

    Raises:
        UsageError: settings for the embedded editor, or a name that means nothing.
        GgtError: as the two functions that this chooses from.
    """
    chosen = options or EditorOptions()
    if name != EMBEDDED:
        return opening.open_editor(name, chosen)
    if chosen.settings:
        raise UsageError("The embedded editor has no settings.", hint="Leave out --set.")
    device = chosen.loading.device
    return embedded_editor(device=None if device == "auto" else device)


def embedded_editor(*, device: str | None = None) -> FunctionEditor:
    """Return the embedded restorer as an editor; weights are loaded with the first picture.

    It reads no prompt and draws nothing at random: every prompt and every seed give the same.

    Args:
        device: ``"cpu"``, ``"cuda"``, ...; a GPU where there is one, unless given.

    Raises:
        MissingExtraError: torch or diffusers is not installed.
        ModelError: this installation lacks the embedded restorer.
    """
    require_restoring()
    alone = threading.Lock()

    @cache
    def restorer() -> OneStepRestorationPipeline:
        loaded = load_restorer(EMBEDDED, device=device)
        loaded.set_progress_bar_config(disable=True)
        return loaded

    def restore(picture: NDArray[np.uint8], prompt: str, seed: int) -> NDArray[np.uint8]:
        import numpy as np

        with alone:  # so that two pictures at once do not load it twice
            return np.asarray(restorer()(picture, return_dict=False)[0][0])

    return FunctionEditor(restore, id=EMBEDDED_ID, revision=embedded_revision())
