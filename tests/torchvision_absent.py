"""What spandrel wants of torchvision, on test machines that have none."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def stand_in_torchvision() -> None:
    """An empty torchvision where there is none: spandrel imports three names of it at its start,
    for networks that nobody uses here. Test machines have a torch that no torchvision fits.
    """
    if find_spec("torchvision") is not None:
        return
    with pytest.MonkeyPatch.context() as patch:
        functional = ModuleType("torchvision.transforms.functional")
        for name in ("InterpolationMode", "normalize", "rotate"):
            setattr(functional, name, None)
        for module in ("torchvision", "torchvision.transforms"):
            patch.setitem(sys.modules, module, ModuleType(module))
        patch.setitem(sys.modules, functional.__name__, functional)
        import spandrel  # noqa: F401 - it keeps what it imported
