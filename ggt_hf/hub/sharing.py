"""What the licences of a dataset let one share, told before anything leaves the machine.

The rule. A pair counts as a *changed no-derivative* when its licence forbids derivatives (``ND``)
and its pixels are ``lossy`` changed or of ``unknown`` treatment, as `pixel_change` reads its
record. Such a dataset is pushed, privately or not, only with an explicit acknowledgement: a
private repository can be shared with an organisation, or made public, by one click. Unchanged and
lossless pixels of an ND set may be shared with attribution; a public repository has to be asked
for, and the plan repeats what the licence wants.
"""

from __future__ import annotations

from collections.abc import Mapping

from ggt_hf.data.format.attribution import Attribution
from ggt_hf.data.format.licenses import NOBODY_SAID, forbids_commerce, forbids_derivatives
from ggt_hf.errors import UsageError


def check_sharing(attributions: Mapping[Attribution, int], *, acknowledged: bool) -> None:
    """Refuse changed pixels of a no-derivatives set, unless the user has taken it upon themselves.

    Raises:
        UsageError: naming how many pairs, which licence and what changed.
    """
    changed = {entry: n for entry, n in attributions.items() if entry.is_changed_no_derivative}
    if not changed or acknowledged:
        return
    licenses = " and ".join(sorted({entry.license for entry in changed}))
    how = " or ".join(sorted({entry.pixels for entry in changed}))
    raise UsageError(
        f"{licenses}: sharing changed pixels is not allowed, and the change is {how} in "
        f"{_share(sum(changed.values()), attributions)}.",
        hint="Push the pairs with their original bytes, or, if you hold the rights, say "
        "--acknowledge-derivatives.",
    )


def sharing_remarks(attributions: Mapping[Attribution, int], *, public: bool) -> list[str]:
    """Return what whoever pushes these pairs should know of their licences."""
    remarks = []
    changed = sum(n for entry, n in attributions.items() if entry.is_changed_no_derivative)
    if changed:
        remarks.append(
            "Changed pixels under a no-derivatives licence, as you acknowledged, in "
            f"{_share(changed, attributions)}."
        )
    licenses = {entry.license for entry in attributions}
    if public and any(map(forbids_derivatives, licenses)):
        remarks.append("No-derivatives licence: pass pairs on whole, unchanged and attributed.")
    if public and any(map(forbids_commerce, licenses)):
        remarks.append("Non-commercial licence: for you, and for everybody who loads it.")
    unknown = sum(n for entry, n in attributions.items() if entry.license == NOBODY_SAID)
    if unknown:
        remarks.append(f"No licence is known of {_share(unknown, attributions)}.")
    uncredited = sum(
        n for e, n in attributions.items() if "-BY" in e.license.upper() and not e.credit
    )
    if public and uncredited:
        remarks.append(
            f"Attribution is wanted, and nobody named, in {_share(uncredited, attributions)}."
        )
    return remarks


def _share(number: int, attributions: Mapping[Attribution, int]) -> str:
    return f"{number:,} of {sum(attributions.values()):,} pairs"
