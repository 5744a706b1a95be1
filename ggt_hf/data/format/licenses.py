"""Licences: what the Hub calls them, and which of them bind what may be shared."""

from __future__ import annotations

import re

NOBODY_SAID = "unknown"
"""The licence of a pair about which nobody said anything."""

SEVERAL = "several-licenses"
"""``license_name`` of a dataset whose pairs do not share one licence."""

_HUB_IDS = frozenset(
    # A word list reads better than fifty quoted lines.
    """
    afl-3.0 agpl-3.0 apache-2.0 artistic-2.0 bsd-2-clause bsd-3-clause bsd-3-clause-clear
    bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0
    cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0
    cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0
    cdla-permissive-2.0 cdla-sharing-1.0 ecl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 gfdl gpl-2.0
    gpl-3.0 isc lgpl-2.1 lgpl-3.0 mit mpl-2.0 odbl odc-by ofl-1.1 pddl unlicense wtfpl zlib
    """.split()  # noqa: SIM905
)
"""Identifiers that the Hub knows (docs: Hub, Repositories, Licenses) and that data may carry."""

_HUB_ID_OF = {
    "odbl-1.0": "odbl",
    "odc-by-1.0": "odc-by",
    "pddl-1.0": "pddl",
    "c-uda-1.0": "c-uda",
}
"""SPDX identifiers, in lower case, that the Hub spells in another way."""

_NO_DERIVATIVES = re.compile(r"\bnd\b|no[ -]?deriv", re.IGNORECASE)
_NON_COMMERCIAL = re.compile(r"\bnc\b|non[ -]?commercial", re.IGNORECASE)


def hub_license(license: str) -> str | None:
    """Return the Hub's identifier of `license` (SPDX), or ``None`` where the Hub has none."""
    lowered = re.sub(r"-(only|or-later)$", "", license.strip().lower())
    hub_id = _HUB_ID_OF.get(lowered, lowered)
    return hub_id if hub_id in _HUB_IDS else None


def forbids_derivatives(license: str) -> bool:
    """Say whether `license` lets nobody share changed pixels (CC BY-ND, CC BY-NC-ND, ...)."""
    return _NO_DERIVATIVES.search(license) is not None


def forbids_commerce(license: str) -> bool:
    """Say whether `license` allows non-commercial use only."""
    return _NON_COMMERCIAL.search(license) is not None
