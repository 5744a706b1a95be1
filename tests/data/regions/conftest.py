"""libjpeg-turbo 3 for these tests: the system's, or the copy inside the wheel `turbojpeg`.

That wheel is old and nobody keeps it; it serves to run our call of the library anywhere.
"""

from __future__ import annotations

from importlib import metadata

from ggt_hf.data.regions import turbojpeg


def _of_the_wheel() -> list[str]:
    try:
        files = metadata.files("turbojpeg") or []
    except metadata.PackageNotFoundError:
        return []
    return [str(file.locate()) for file in files if file.name.startswith("libturbojpeg")]


turbojpeg._NAMES = (*turbojpeg._NAMES, *_of_the_wheel())
