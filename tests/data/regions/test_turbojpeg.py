"""libjpeg-turbo 3, a wheel's copy or the system's (`test_decode` compares its pixels)."""

from __future__ import annotations

import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ggt_hf import images
from ggt_hf.data.regions import Region, decode_region, turbojpeg
from ggt_hf.data.regions.jpeg import segments
from ggt_hf.data.regions.turbojpeg import decode_rectangle
from ggt_hf.errors import ImageError
from tests.data.regions.encoding import jpeg
from tests.making import picture

with_library = pytest.mark.skipif(
    turbojpeg.library() is None, reason="libjpeg-turbo 3 is not on this machine"
)


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="no wheel is built for it"
)
def test_the_stream_extra_brings_it_in_a_wheel_that_is_not_imported() -> None:
    code = (
        "import sys; from ggt_hf.data.regions.turbojpeg import library;"
        "print(library()._name, 'pylibjxl' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    name, is_imported = done.stdout.split()
    assert "pylibjxl" in name
    assert is_imported == "False"


def test_a_library_that_cannot_crop_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turbojpeg, "_WHEEL", "no_such_package")
    monkeypatch.setattr(turbojpeg, "_NAMES", ("libnowhere.so.7", "libc.so.6"))
    turbojpeg.library.cache_clear()
    assert turbojpeg.library() is None
    remark = decode_rectangle(jpeg(picture(1, 32, 32)), 0, 0, np.empty((8, 8, 3), np.uint8))
    assert "no libjpeg-turbo 3" in remark
    turbojpeg.library.cache_clear()


@with_library
def test_a_rectangle_is_the_full_decodes() -> None:
    data = jpeg(picture(1, 96, 64), "444")
    out = np.empty((17, 30, 3), np.uint8)
    assert decode_rectangle(data, 24, 11, out) == ""
    assert np.array_equal(out, images.decode(data, "it")[11:28, 24:54])


@with_library
def test_what_cannot_be_done_is_remarked_and_harms_no_later_picture() -> None:
    data, small = (jpeg(picture(1, side, side), "444") for side in (96, 24))
    out = np.zeros((16, 16, 3), np.uint8)
    for cut in range(0, len(data) - 2, 97):
        assert decode_rectangle(data[:cut], 80, 80, out)
        assert decode_rectangle(data, 81, 0, out)  # no edge of an MCU
        assert decode_rectangle(data, 88, 0, out)  # leaves the picture
        assert decode_rectangle(small, 8, 8, out) == ""
        assert np.array_equal(out, images.decode(small, "it")[8:, 8:])


@with_library
def test_no_table_of_an_earlier_picture_is_used() -> None:
    data = jpeg(picture(1, 64, 64), "444", optimize=True)
    tables = [data[start:stop] for marker, start, stop in segments(data) if marker in (0xC4, 0xDB)]
    region = Region(x=8, y=8, width=16, height=16)
    for table in tables:
        spoilt = data.replace(table, b"", 1)
        decode_region(data, region)
        try:
            full = images.decode(spoilt, "it")  # by the tables of the standard
        except ImageError:
            with pytest.raises(ImageError):
                decode_region(spoilt, region)
        else:
            assert np.array_equal(decode_region(spoilt, region), region.crop(full))


@with_library
def test_threads_do_not_disturb_each_other() -> None:
    pictures = [jpeg(picture(seed, 160, 120), "420") for seed in range(4)]
    full = [images.decode(data, "it") for data in pictures]

    def work(number: int) -> bool:
        out = np.empty((40, 48, 3), np.uint8)
        seed = number % 4
        remark = decode_rectangle(pictures[seed], 32, 16, out)
        return not remark and np.array_equal(out[2:-2, 2:-2], full[seed][18:54, 34:78])

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(200)))
