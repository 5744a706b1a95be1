"""RegressionRestorer: a network of spandrel's architectures behind the call of our own restorer.

NAFNet, SwinIR, SCUNet, Restormer and others map a picture to a picture of the same size. Built by
name and parameters, or from a file of somebody's weights, they are pushed and loaded as
``config.json`` and ``model.safetensors``, and run by `OneStepRestorationPipeline`: tiles, any
size, colour fixes. No pickle is ever trusted: of others' files only safetensors, and ``.pth`` by
spandrel's restricted unpickler, are read.
"""

from __future__ import annotations

import inspect
import pickle
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor, nn

from ggt_hf.errors import MissingExtraError, ModelError, UsageError

OLDEST_SPANDREL = (0, 4)
"""The first version whose loader and names are those used here."""

_EXTRA = "spandrel_extra_arches"
_UNREADABLE = OSError, ValueError, RuntimeError, KeyError, pickle.UnpicklingError
_SAFE = {".safetensors", ".pth", ".ckpt"}


class RegressionRestorer(nn.Module, PyTorchModelHubMixin, library_name="ggt_hf"):
    """A network that regresses the clean picture.

    Args:
        architecture: its name, as spandrel has it: ``NAFNet``, ``SwinIR``, ...
        parameters: arguments of its constructor.
        multiple: height and width of its inputs must be multiples of so many pixels; asked of
            spandrel unless given.

    Raises:
        UsageError: no such architecture, parameters that it does not take, or a network that
            does not give a picture of the size it was given.
        MissingExtraError: spandrel, or the package of its extra architectures, is not installed.
    """

    bytes_per_pixel = 16_000
    """Memory of a pass for each pixel of a tile: a guess of ours, meant to be too large."""

    def __init__(
        self, architecture: str, parameters: dict[str, Any], multiple: int | None = None
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.parameters_given = dict(parameters)
        self.network = _build(architecture, parameters)
        self.multiple = multiple or _multiple(_described(architecture, self.network.state_dict()))

    @classmethod
    def from_file(cls, path: Path) -> RegressionRestorer:
        """Load somebody's weights; spandrel finds out of which architecture they are.

        Raises:
            UsageError: a kind of file that could run code, or a network of another purpose.
            ModelError: it cannot be read, or is of no architecture that is known.
        """
        if path.suffix.lower() not in _SAFE:
            raise UsageError(
                f"{path} is no file of weights that can be read without trusting it.",
                hint=f"Give a file that ends with {', '.join(sorted(_SAFE))}.",
            )
        spandrel = _spandrel()
        try:
            found = spandrel.ModelLoader(registry=_registry()).load_from_file(path)
        except (spandrel.UnsupportedModelError, *_UNREADABLE) as error:
            raise ModelError(
                f"{path} holds no network that spandrel {spandrel.__version__} knows: {error}.",
                hint="Update spandrel, or install spandrel_extra_arches and mind its licences.",
            ) from error
        made = cls(
            architecture=found.architecture.id,
            parameters=dict(found.model.hyperparameters),
            multiple=_multiple(found),
        )
        made.network.load_state_dict(found.model.state_dict())
        return made

    @property
    def dtype(self) -> torch.dtype:
        """Of its weights."""
        return next(self.network.parameters()).dtype

    @property
    def device(self) -> torch.device:
        """Where its weights lie."""
        return next(self.network.parameters()).device

    def context(self, picture: Tensor) -> Tensor:
        """Return nothing, ``(B, 0)``: these networks know only what they are given."""
        return picture.new_zeros(picture.shape[0], 0)

    def forward(self, picture: Tensor, context: Tensor | None = None) -> Tensor:
        """Restore pictures or tiles of them.

        Args:
            picture: RGB in [0, 1], ``(B, 3, H, W)``; H and W multiples of `multiple`.
            context: ignored.

        Returns:
            RGB, ``(B, 3, H, W)``, near [0, 1] but not clamped.
        """
        restored: Tensor = self.network(picture)
        return restored


def _build(name: str, parameters: dict[str, Any]) -> nn.Module:
    made = _class_of(name)
    try:
        network: nn.Module = made(**parameters)
    except (TypeError, ValueError, KeyError, IndexError, AssertionError, RuntimeError) as error:
        takes = ", ".join(list(inspect.signature(made.__init__).parameters)[1:])
        raise UsageError(
            f"{name} cannot be built: {error}.", hint=f"Its parameters are: {takes}."
        ) from error
    return network


def _class_of(name: str) -> Any:
    """Return the class of an architecture; only names that are registered are ever imported."""
    _spandrel()
    known = {support.architecture.id: support.architecture for support in _registry()}
    if name not in known:
        raise UsageError(
            f"There is no architecture {name!r}.",
            hint=f"Give one of {', '.join(sorted(known))}; more come with {_EXTRA}.",
        )
    module = import_module(type(known[name]).__module__)
    classes = [
        found
        for found in (getattr(module, public) for public in module.__all__)
        if inspect.isclass(found) and issubclass(found, nn.Module)
    ]
    same = [found for found in classes if found.__name__.lower() == name.lower()]
    return (same or classes)[0]


def _described(name: str, weights: dict[str, Tensor]) -> Any:
    """Return what spandrel says of a network with such weights."""
    support = next(one for one in _registry() if one.architecture.id == name)
    return support.architecture.load(weights)


def _multiple(found: Any) -> int:
    """Return the multiple of a described network, and refuse one that is no restorer."""
    channels = found.input_channels, found.output_channels
    size = found.size_requirements
    if found.scale != 1 or channels != (3, 3) or size.square:
        raise UsageError(
            f"{found.architecture.name} as given takes {channels[0]} channels, gives "
            f"{channels[1]}, enlarges {found.scale} times"
            + (", and wants squares." if size.square else "."),
            hint="A restorer takes RGB of any shape, and gives RGB of the same size.",
        )
    return max(1, int(size.multiple_of), int(size.minimum))


def _registry() -> Any:
    """Return spandrel's architectures, and the extra ones where they are installed."""
    spandrel = _spandrel()
    registry = spandrel.ArchRegistry()
    registry.add(*spandrel.MAIN_REGISTRY)
    try:
        registry.add(*import_module(_EXTRA).EXTRA_REGISTRY)
    except ModuleNotFoundError as error:
        if error.name != _EXTRA:
            raise
    return registry


def _spandrel() -> Any:
    try:
        found = version("spandrel")
    except PackageNotFoundError as error:
        raise MissingExtraError.of("spandrel", "regression", "A regression network") from error
    if tuple(int(part) for part in found.split(".")[:2]) < OLDEST_SPANDREL:
        raise MissingExtraError(
            f"spandrel {found} is too old.", hint="Run: pip install -U 'ggt-hf[regression]'"
        )
    return import_module("spandrel")
