"""The faults themselves: each takes a scene and draws one; `planting.plant` is the way in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from ggt_hf.quality.planes import Picture

WORDS = ("EXIT", "HOTEL", "RIVER", "MARKET", "NORTH", "STATION", "CAFE", "MUSEUM")
"""What `write_text` writes on a photograph, and `text_altered` replaces by another of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """What a planter may draw from."""

    lq: Picture
    """The degraded input."""
    gt: Picture
    """Its good target."""
    other: Picture
    """The good target of another photograph, of the same size."""
    rng: np.random.Generator
    """The source of every draw."""


Drawn = tuple[Picture, Picture, float]
"""The input, the faulty candidate, and the size of the fault."""


def to_bytes(values: NDArray[Any]) -> Picture:
    """Round grey levels to ``uint8``, cutting off what is outside 0 to 255."""
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)


def _moved(scene: Scene, matrix: NDArray[np.floating], size: float) -> Drawn:
    height, width = scene.gt.shape[:2]
    flags, border = cv2.INTER_CUBIC, cv2.BORDER_REFLECT_101
    moved = cv2.warpAffine(scene.gt, matrix, (width, height), flags=flags, borderMode=border)
    return scene.lq, cast("Picture", moved), size


def shift(scene: Scene) -> Drawn:
    """1 to 8 pixels in any direction, not whole pixels only."""
    length, angle = scene.rng.uniform(1, 8), scene.rng.uniform(0, 2 * np.pi)
    matrix = np.array([[1, 0, length * np.cos(angle)], [0, 1, length * np.sin(angle)]])
    return _moved(scene, matrix, length)


def _about_centre(scene: Scene, angle: float, scale: float) -> NDArray[np.floating]:
    height, width = scene.gt.shape[:2]
    centre = ((width - 1) / 2, (height - 1) / 2)
    return cast("NDArray[np.float64]", cv2.getRotationMatrix2D(centre, angle, scale))


def scale(scene: Scene) -> Drawn:
    """0.5 to 3 percent larger or smaller, about the centre."""
    percent = scene.rng.uniform(0.5, 3) * scene.rng.choice([-1, 1])
    return _moved(scene, _about_centre(scene, 0, 1 + percent / 100), percent)


def rotation(scene: Scene) -> Drawn:
    """0.3 to 2 degrees, about the centre."""
    degrees = scene.rng.uniform(0.3, 2) * scene.rng.choice([-1, 1])
    return _moved(scene, _about_centre(scene, degrees, 1), degrees)


def local_warp(scene: Scene) -> Drawn:
    """Smooth movement of 2 to 6 pixels at most, of a fourth to an eighth of the picture's side."""
    height, width = scene.gt.shape[:2]
    cells, most = int(scene.rng.integers(4, 9)), scene.rng.uniform(2, 6)
    knots = scene.rng.normal(size=(cells, cells, 2)).astype(np.float32)
    field = cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)
    field *= most / np.linalg.norm(field, axis=2).max()
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    warped = cv2.remap(
        scene.gt,
        x + field[..., 0],
        y + field[..., 1],
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return scene.lq, cast("Picture", warped), most


def _curve(picture: Picture, values: NDArray[np.floating]) -> Picture:
    return cast("Picture", cv2.LUT(picture, to_bytes(values)))


def tone_drift(scene: Scene) -> Drawn:
    """Gamma, contrast or brightness changed by a fifth to a half."""
    amount = scene.rng.uniform(0.2, 0.5) * scene.rng.choice([-1, 1])
    levels = np.arange(256, dtype=np.float64)
    kind = scene.rng.integers(3)
    if kind == 0:
        values = 255 * (levels / 255) ** (1 + amount if amount > 0 else 1 / (1 - amount))
    elif kind == 1:
        mean = float(scene.gt.mean())
        values = mean + (levels - mean) * (1 + amount)
    else:
        values = levels + 120 * amount
    return scene.lq, _curve(scene.gt, values), amount


def hue_drift(scene: Scene) -> Drawn:
    """Every hue turned by 15 to 60 degrees, brightness kept."""
    degrees = scene.rng.uniform(15, 60) * scene.rng.choice([-1, 1])
    lab = cv2.cvtColor(scene.gt.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    turn = np.radians(degrees)
    a, b = lab[..., 1].copy(), lab[..., 2].copy()
    lab[..., 1], lab[..., 2] = (
        a * np.cos(turn) - b * np.sin(turn),
        a * np.sin(turn) + b * np.cos(turn),
    )
    rgb = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    return scene.lq, to_bytes(rgb * 255), degrees


def color_cast(scene: Scene) -> Drawn:
    """Red and blue gained against each other by 12 to 30 percent."""
    amount = scene.rng.uniform(0.12, 0.3) * scene.rng.choice([-1, 1])
    gains = np.array([1 + amount, 1, 1 - amount])
    return scene.lq, to_bytes(scene.gt * gains), amount


def unchanged(scene: Scene) -> Drawn:
    """The input itself, or the input encoded again."""
    if scene.rng.random() < 0.4:
        return scene.lq, scene.lq.copy(), 1
    quality = int(scene.rng.integers(88, 98))
    return scene.lq, reencoded(scene.lq, quality), quality


def reencoded(picture: Picture, quality: int) -> Picture:
    """Return the picture as a JPEG of `quality` would show it."""
    data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = cast("Picture", cv2.imdecode(data, cv2.IMREAD_COLOR))
    return np.ascontiguousarray(decoded[..., ::-1])


def black(scene: Scene) -> Drawn:
    """All black, or black but for the last bit."""
    noise = scene.rng.integers(0, int(scene.rng.integers(1, 4)), scene.gt.shape)
    return scene.lq, noise.astype(np.uint8), 1


def flat(scene: Scene) -> Drawn:
    """One colour, or a slow gradient of it."""
    height, width = scene.gt.shape[:2]
    ends = scene.rng.integers(20, 236, (2, 3))
    ends[1] = np.clip(ends[0] + scene.rng.integers(0, 13), 0, 255)
    rows = np.linspace(0, 1, height)[:, None, None]
    colour = ends[0] + (ends[1] - ends[0]) * rows
    return scene.lq, np.broadcast_to(colour, (height, width, 3)).astype(np.uint8), 1


def other_image(scene: Scene) -> Drawn:
    """Another photograph."""
    return scene.lq, scene.other.copy(), 1


def _area(scene: Scene) -> tuple[int, int, int, int]:
    """Draw the busiest of some places: x, y, width, height; 12 to 25 percent of the sides."""
    height, width = scene.gt.shape[:2]
    gray = cv2.cvtColor(scene.gt, cv2.COLOR_RGB2GRAY)
    across = int(width * scene.rng.uniform(0.12, 0.25))
    down = int(height * scene.rng.uniform(0.12, 0.25))
    lefts = scene.rng.integers(8, width - across - 8, 6)
    tops = scene.rng.integers(8, height - down - 8, 6)
    busy = [gray[y : y + down, x : x + across].std() for x, y in zip(lefts, tops, strict=True)]
    best = int(np.argmax(busy))
    return int(lefts[best]), int(tops[best]), across, down


def _soft_ellipse(scene: Scene, area: tuple[int, int, int, int]) -> NDArray[np.floating]:
    x, y, across, down = area
    mask = np.zeros(scene.gt.shape[:2], np.float32)
    cv2.ellipse(mask, (x + across // 2, y + down // 2), (across // 2, down // 2), 0, 0, 360, 1, -1)
    return cast("NDArray[np.float32]", cv2.GaussianBlur(mask, (0, 0), 2.5))[..., None]


def object_removed(scene: Scene) -> Drawn:
    """The busiest of some places painted over from its rim."""
    area = _area(scene)
    mask = (_soft_ellipse(scene, area)[..., 0] > 0.02).astype(np.uint8)
    painted = cv2.inpaint(scene.gt, mask, 5, cv2.INPAINT_TELEA)
    return scene.lq, cast("Picture", painted), area[2] * area[3] / mask.size


def object_inserted(scene: Scene) -> Drawn:
    """A piece of another photograph with soft edges, its brightness fitted to the place."""
    area = _area(scene)
    x, y, across, down = area
    soft = _soft_ellipse(scene, area)
    place = np.s_[y : y + down, x : x + across]
    piece = scene.other.astype(np.float32)
    piece += scene.gt[place].mean(axis=(0, 1)) - piece[place].mean(axis=(0, 1))
    mixed = scene.gt * (1 - soft) + piece * soft
    return scene.lq, to_bytes(mixed), area[2] * area[3] / soft.size


def text_altered(scene: Scene) -> Drawn:
    """Two letters of a word on a plate exchanged for others; the input carries the old word."""
    seed = int(scene.rng.integers(2**31))
    word = str(scene.rng.choice(WORDS))
    letters = list(word)
    for place in scene.rng.choice(len(word), 2, replace=False):
        letters[place] = str(scene.rng.choice([c for c in "ADHKMSUX" if c != letters[place]]))
    # The old word goes through a light blur and compression, as a sign in a bad photograph.
    marked = write_text(scene.lq, word, seed=seed)
    plate = np.any(marked != scene.lq, axis=2, keepdims=True)
    worn = reencoded(cast("Picture", cv2.GaussianBlur(marked, (0, 0), 0.8)), 70)
    return np.where(plate, worn, scene.lq), write_text(scene.gt, "".join(letters), seed=seed), 2


def over_smoothed(scene: Scene) -> Drawn:
    """A Gaussian of sigma 1.5 to 3, or a bilateral filter that leaves edges and takes texture."""
    sigma = scene.rng.uniform(1.5, 3)
    if scene.rng.random() < 0.5:
        return scene.lq, cast("Picture", cv2.GaussianBlur(scene.gt, (0, 0), sigma)), sigma
    once = cv2.bilateralFilter(scene.gt, 9, 25 * sigma, 3 * sigma)
    twice = cv2.bilateralFilter(once, 9, 25 * sigma, 3 * sigma)
    return scene.lq, cast("Picture", twice), sigma


def over_sharpened(scene: Scene) -> Drawn:
    """An unsharp mask of amount 1.5 to 4 and radius 0.8 to 3."""
    amount, radius = scene.rng.uniform(1.5, 4), scene.rng.uniform(0.8, 3)
    picture = scene.gt.astype(np.float32)
    sharp = picture + amount * (picture - cv2.GaussianBlur(picture, (0, 0), radius))
    return scene.lq, to_bytes(sharp), amount


def write_text(picture: Picture, word: str, *, seed: int) -> Picture:
    """Write `word` on a plate in the picture, at a place and size drawn from `seed`."""
    rng = np.random.default_rng([seed, 7])
    height, width = picture.shape[:2]
    scale = float(rng.uniform(1.1, 1.8)) * width / 512
    thick = max(1, round(2 * scale))
    # The plate is as wide as the widest word of that length: it must not tell two words apart.
    widest = "M" * len(word)
    (across, up), below = cv2.getTextSize(widest, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    pad = round(0.3 * up)
    x = int(rng.integers(pad, max(pad + 1, width - across - pad)))
    y = int(rng.integers(up + pad, max(up + pad + 1, height - below - pad)))
    ink, plate = (
        ((250, 250, 245), (20, 60, 120)) if rng.random() < 0.5 else ((25, 25, 25), (235, 230, 215))
    )
    marked = picture.copy()
    cv2.rectangle(marked, (x - pad, y - up - pad), (x + across + pad, y + below + pad), plate, -1)
    cv2.putText(marked, word, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, ink, thick, cv2.LINE_AA)
    return marked
