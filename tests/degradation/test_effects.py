from __future__ import annotations

import cv2
import numpy as np
import pytest

from ggt_hf.degradation import camera, haze, low_light, old_photo, rain, render, snow
from ggt_hf.degradation.blur import SHAPES, blur, disc_kernel, gaussian_kernel, shake_kernel
from ggt_hf.degradation.light import (
    Picture,
    from_bytes,
    luminance,
    smooth_noise,
    to_bytes,
    to_linear,
    to_srgb,
)
from ggt_hf.degradation.simulation import draw_settings
from tests.degradation.test_degrade import photograph

RNG = np.random.default_rng


def shift(first: Picture, second: Picture) -> float:
    """How far the second picture is moved against the first, in pixels.

    Phase correlation as Stone et al. (2001) refine it: the slope of the cross spectrum's phase
    over the low frequencies, where no blur turns the phase over.
    """
    height, width = first.shape[:2]
    window = np.outer(np.hanning(height), np.hanning(width))
    spectra = []
    for image in (first, second):
        plane = luminance(image)
        spectra.append(np.fft.fft2((plane - cv2.GaussianBlur(plane, (0, 0), 10)) * window))
    cross = spectra[0] * spectra[1].conj()
    y, x = np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij")
    low = (np.hypot(x, y) < 0.08) & (np.hypot(x, y) > 0.015)
    weight = np.abs(cross[low])
    slopes = 2 * np.pi * np.stack([x[low], y[low]], axis=1) * weight[:, None]
    moved, *_ = np.linalg.lstsq(slopes, np.angle(cross[low]) * weight, rcond=None)
    return float(np.hypot(*moved))


def scene(name: str) -> Picture:
    """A photograph without detail so fine that a resize would alias it and blind the meter."""
    return cv2.GaussianBlur(from_bytes(photograph(name)), (0, 0), 2.5)


SCENES = ("mixed-astronaut", "haze-roman-colosseum", "rain-life-by-aitzol-berasategi")


def test_linear_light_and_back_is_the_same_eight_bits() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    image = from_bytes(levels)
    assert np.array_equal(to_bytes(to_srgb(to_linear(image))), levels)
    # IEC 61966-2-1: middle grey.
    middle = to_linear(np.full((1, 1, 3), 0.5, np.float32))
    assert middle[0, 0, 0] == pytest.approx(0.21404, abs=1e-4)


@pytest.mark.parametrize("name", SCENES)
def test_the_shift_meter_sees_a_shift(name: str) -> None:
    image = from_bytes(photograph(name))
    half = np.array([[1, 0, 0.5], [0, 1, 0]])
    moved = cv2.warpAffine(image, half, image.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
    assert shift(image, moved) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("seed", range(12))
def test_mixed_degradation_moves_nothing(name: str, seed: int) -> None:
    image = scene(name)
    drawn = draw_settings("mixed", seed=seed, severity=0.8)
    # Noise moves nothing either, but it blinds the meter.
    drawn["steps"] = [step for step in drawn["steps"] if step["effect"] != "noise"]
    assert shift(image, from_bytes(render(to_bytes(image), drawn, seed=seed).lq)) < 0.1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(4))
def test_no_blur_moves_the_picture(shape: str, seed: int) -> None:
    image = scene("mixed-astronaut")
    blurred = blur(image, RNG(seed), shape=shape, sigma=2.6, ratio=0.3, angle=37.0 * seed)
    assert shift(image, blurred) < 0.1
    assert blurred.mean() == pytest.approx(image.mean(), abs=2e-3)


@pytest.mark.parametrize("down", ["area", "linear", "cubic"])
@pytest.mark.parametrize("up", ["linear", "cubic", "lanczos"])
@pytest.mark.parametrize("factor", [1.1, 2.0, 3.7])
def test_no_resize_moves_the_picture(down: str, up: str, factor: float) -> None:
    image = scene("haze-roman-colosseum")
    assert shift(image, camera.resize(image, RNG(0), factor=factor, down=down, up=up)) < 0.1


def test_kernels_are_normalised_and_centred() -> None:
    kernels = [gaussian_kernel(3, 1, 30), disc_kernel(4.3)]
    kernels += [shake_kernel(RNG(seed), 3) for seed in range(5)]
    for kernel in kernels:
        axis = np.arange(len(kernel)) - len(kernel) // 2
        assert kernel.sum() == pytest.approx(1, abs=1e-5)
        assert abs(kernel.sum(axis=0) @ axis) < 1e-3
        assert abs(kernel.sum(axis=1) @ axis) < 1e-3


def test_clear_air_changes_nothing_and_thick_air_shows_only_itself() -> None:
    radiance = to_linear(from_bytes(photograph()))
    air = np.array([0.8, 0.7, 0.6], np.float32)
    ones = np.ones(radiance.shape[:2], np.float32)
    assert np.array_equal(haze.scatter(radiance, ones, air), radiance)
    assert np.allclose(haze.scatter(radiance, 0 * ones, air), air, atol=1e-6)
    half = haze.scatter(radiance, 0.25 * ones, air)
    assert np.allclose(half, 0.25 * radiance + 0.75 * air, atol=1e-6)


def test_haze_without_thickness_is_the_picture() -> None:
    image = from_bytes(photograph())
    hazy = haze.haze(
        image,
        RNG(0),
        beta=0.0,
        airlight=[0.9, 0.9, 0.9],
        horizon=0.3,
        cue=0.3,
        drift=0.3,
        floor=0.1,
    )
    assert np.array_equal(to_bytes(hazy), to_bytes(image))


def test_guessed_depth_is_far_at_the_top_and_near_at_the_bottom() -> None:
    depth = haze.depth_proxy(from_bytes(photograph()), RNG(1), horizon=0.3, cue=0.2)
    assert depth.min() >= 0
    assert depth.max() <= 1
    assert depth[: len(depth) // 4].mean() > depth[-len(depth) // 4 :].mean() + 0.2


def test_noise_has_the_variance_it_says() -> None:
    for value in (0.2, 0.5, 0.8):
        flat = np.full((300, 300, 3), value, np.float32)
        for grain in (0.0, 0.6):
            noisy = camera.noise(flat, RNG(0), shot=0.002, read=0.02, grain=grain, gray=False)
            assert noisy.var() == pytest.approx(0.002 * value + 0.02**2, rel=0.03)
    gray = camera.noise(flat, RNG(0), shot=0.002, read=0.02, grain=0.0, gray=True)
    assert np.array_equal(gray[..., 0], gray[..., 2])


def test_a_stop_less_halves_the_light() -> None:
    image = from_bytes(photograph())
    quiet = {"pool": 0.0, "photons": 1e12, "read": 0.0, "grain": 0.0, "bits": 24, "smear": 0.0}
    dark = low_light.low_light(image, RNG(0), stops=1.0, lift=0.0, saturation=1.0, **quiet)
    assert to_linear(dark).mean() == pytest.approx(to_linear(image).mean() / 2, rel=1e-3)
    lifted = low_light.low_light(image, RNG(0), stops=1.0, lift=1.0, saturation=1.0, **quiet)
    assert np.allclose(lifted, image, atol=2e-3)


def test_low_light_that_is_lifted_is_noisier() -> None:
    flat = np.full((200, 200, 3), 0.6, np.float32)
    given = {"pool": 0.0, "photons": 1000, "read": 0.001, "grain": 0.0, "bits": 14, "smear": 0.0}
    noises = [
        low_light.low_light(flat, RNG(0), stops=stops, lift=1.0, saturation=1.0, **given).std()
        for stops in (1.0, 3.0, 5.0)
    ]
    assert noises[0] < noises[1] < noises[2]


def test_rain_adds_light_to_the_dark_and_leaves_the_rest() -> None:
    image = np.full((256, 256, 3), 0.1, np.float32)
    layer = {"count": 60, "length": 0.1, "width": 1.0, "opacity": 0.6, "angle": 10.0}
    wet = rain.rain_streaks(image, RNG(0), layers=[layer], spread=1.0, glow=0.5)
    change = (wet - image).mean(axis=2)
    assert change.min() > -0.01
    assert change.max() > 0.1
    assert np.mean(change > 0.02) < 0.4


def test_streaks_run_along_their_angle() -> None:
    image = np.full((256, 256, 3), 0.1, np.float32)
    layer = {"count": 80, "length": 0.2, "width": 1.0, "opacity": 0.9, "angle": 0.0}
    plane = rain.rain_streaks(image, RNG(0), layers=[layer], spread=0.0, glow=0.9)[..., 0]
    along, across = np.abs(np.diff(plane, axis=0)).mean(), np.abs(np.diff(plane, axis=1)).mean()
    assert across > 3 * along


def test_drops_change_only_where_they_lie() -> None:
    image = from_bytes(photograph())
    wet = rain.lens_drops(image, RNG(0), count=6, radius=0.03, focus=0.8, bend=3.0)
    changed = np.any(wet != image, axis=2).mean()
    assert 0.005 < changed < 0.3


def test_snow_whitens_and_never_darkens_the_dark() -> None:
    image = np.full((256, 320, 3), 0.2, np.float32)
    layer = {"count": 100, "size": 4.0, "opacity": 0.9, "defocus": 0.3, "angle": 20.0}
    white = snow.snow_flakes(image, RNG(0), layers=[layer], motion=1.0, whiteness=0.95)
    assert white.min() >= 0.19
    assert white.max() > 0.7


@pytest.mark.parametrize("kind", ["silver", "sepia", "albumen", "newsprint"])
def test_prints_have_one_tone_a_brightness(kind: str) -> None:
    image = from_bytes(photograph())
    aged = old_photo.toning(
        image, RNG(0), kind=kind, strength=1.0, contrast=0.7, density=1.0, uneven=0.0
    )
    slopes = np.polyfit(luminance(image).ravel(), aged.reshape(-1, 3), 1)[0]
    assert (slopes > 0.2).all()
    assert np.ptp(aged) < np.ptp(image)
    red, blue = aged[..., 0].ravel(), aged[..., 2].ravel()
    assert np.abs(red - np.polyval(np.polyfit(blue, red, 1), blue)).max() < 1e-3


def test_jpeg_gets_smaller_with_severity() -> None:
    pixels = photograph()
    sizes = [len(camera.encode_jpeg(pixels, quality=q, chroma="4:2:0")) for q in (95, 60, 20)]
    assert sizes[0] > sizes[1] > sizes[2]


def test_a_scene_looks_alike_at_any_resolution() -> None:
    small = smooth_noise(RNG(3), (100, 150), 4.0)
    large = cv2.resize(
        smooth_noise(RNG(3), (400, 600), 4.0), (150, 100), interpolation=cv2.INTER_AREA
    )
    assert np.abs(small - large).mean() < 0.02
