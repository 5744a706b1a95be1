"""Archives by people who mean harm, or whose disk did."""

from __future__ import annotations

import stat
import struct
import zipfile
from pathlib import Path

import pytest

from ggt_hf.data.building.sources import Labels, Listing, read_source
from ggt_hf.errors import ReadError
from tests.data.building.sources_making import pair_files, png, write_files, write_zip

RAIN = Labels(category="rain")


def causes(listing: Listing) -> str:
    return "\n".join(str(problem) for problem in listing.problems)


@pytest.mark.parametrize(
    "name", ["../LQ/x.png", "/etc/LQ/x.png", "C:\\LQ\\x.png", "LQ/../../x.png", "LQ\\x.png"]
)
def test_names_that_lead_outside(tmp_path: Path, name: str) -> None:
    write_zip(tmp_path / "a.zip", pair_files("{}/1") | {name: png(1)})
    listing = read_source(tmp_path, RAIN)
    assert [pair.info.key for pair in listing.pairs] == ["a-1"]
    assert "a.zip has a member named" in causes(listing)


def test_links(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", pair_files("{}/1"))
    with zipfile.ZipFile(path, "a") as file:
        link = zipfile.ZipInfo("LQ/link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc/passwd")
    assert "a link as member 'LQ/link.png'" in causes(read_source(tmp_path, RAIN))


def patch_directory(path: Path, field: int, value: bytes) -> None:
    """Change a field of the last entry in the zip's central directory."""
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02")
    data[entry + field : entry + field + len(value)] = value
    path.write_bytes(data)


def test_encrypted(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", pair_files("{}/1"))
    patch_directory(path, 8, struct.pack("<H", 1))
    assert "a.zip is encrypted" in causes(read_source(tmp_path, RAIN))


def test_other_compression(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", pair_files("{}/1", "{}/2"), zipfile.ZIP_LZMA)
    listing = read_source(tmp_path, RAIN)
    assert "compressed by method 14" in causes(listing) and len(listing.problems) == 1


def test_a_huge_declared_size(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", pair_files("{}/1"), zipfile.ZIP_DEFLATED)
    patch_directory(path, 24, struct.pack("<I", 4_000_000_000))
    assert "declares 4,000,000,000 bytes" in causes(read_source(tmp_path, RAIN))


def test_a_size_that_lies(tmp_path: Path) -> None:
    files = {"LQ/1.png": png(0), "GT/1.png": png(0) + b"\0" * 100_000}
    path = write_zip(tmp_path / "a.zip", files, zipfile.ZIP_DEFLATED)
    patch_directory(path, 24, struct.pack("<I", len(png(0))))
    (pair,) = read_source(tmp_path, RAIN).pairs
    with pytest.raises(ReadError, match=r"a\.zip/GT/1\.png .* declared length"):
        pair.gt.read()


def test_members_that_share_bytes(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", pair_files("{}/1"))
    patch_directory(path, 42, struct.pack("<I", 0))
    listing = read_source(tmp_path, RAIN)
    assert "zip bomb" in causes(listing) and not listing.pairs


def test_two_members_of_one_name(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", pair_files("{}/1"))
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("LQ/1.jpg", b"other")
    assert "two members named 'LQ/1.jpg'" in causes(read_source(tmp_path, RAIN))


def test_a_truncated_zip_and_parts_of_one(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", pair_files("{}/1"))
    path.write_bytes(path.read_bytes()[:-40])
    write_files(tmp_path, {"b.z01": b"x", "c.zip.001": b"x", "d.tar.gz": b"x"})
    text = causes(read_source(tmp_path, RAIN))
    assert "a.zip is no readable zip" in text
    assert all(f"{name} is an archive" in text for name in ("b.z01", "c.zip.001", "d.tar.gz"))


def test_flipped_bytes_are_found_by_the_checksum(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"LQ/1.png": png(0), "GT/1.png": png(1)})
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    (pair,) = read_source(tmp_path, RAIN).pairs
    with pytest.raises(ReadError, match=r"a\.zip/LQ/1\.png"):
        pair.lq.read()


def test_zip64(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for name, data in pair_files("{}/1").items():
            with file.open(name, "w", force_zip64=True) as member:
                member.write(data)
    (pair,) = read_source(tmp_path, RAIN).pairs
    assert pair.gt.read() == png(0)
