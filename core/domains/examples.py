"""Small files of each kind to download and try: made here, so that nothing has to be shipped."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from scipy.io import wavfile


@dataclass(frozen=True)
class SampleFile:
    """A file to try: what it is called, what it holds, and a function that makes its bytes."""

    name: str
    title: str
    summary: str
    make: Callable[[], bytes]


def _zip(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def pictures() -> bytes:
    """Circles, squares and triangles: drawn cleanly by day, and photographed at night. domain/class/file.png."""
    rng = np.random.default_rng(1)
    files = {}
    for domain in ("day", "night"):
        for shape in ("circle", "square", "triangle"):
            for i in range(60):
                side, middle, size = 32, rng.uniform(13, 19, 2), rng.uniform(6, 11)
                ink, paper = rng.integers(0, 110, 3), rng.integers(190, 256, 3)
                picture = Image.new("RGB", (side, side), tuple(paper.tolist()))
                draw, turn = ImageDraw.Draw(picture), rng.uniform(0, 360)
                if shape == "circle":
                    draw.circle(middle.tolist(), size, tuple(ink.tolist()))
                else:
                    draw.regular_polygon((*middle, size * 1.2), 4 if shape == "square" else 3, turn, tuple(ink.tolist()))
                if domain == "night":
                    array = np.asarray(picture.filter(ImageFilter.GaussianBlur(1.2))).astype(float)
                    picture = Image.fromarray((array * 0.45 + rng.normal(0, 14, array.shape)).clip(0, 255).astype(np.uint8))
                out = io.BytesIO()
                picture.save(out, "PNG")
                files[f"{domain}/{shape}/{i:02}.png"] = out.getvalue()
    return _zip(files)


def table() -> bytes:
    """Patients of two hospitals, with a column that tells them apart, missing values and a category; the second one is older."""
    rng = np.random.default_rng(2)
    lines = ["hospital;age;pressure;smoker;outcome"]
    for hospital, age0 in (("north", 45), ("south", 62)):
        for _ in range(200):
            age, smoker = rng.normal(age0, 9), rng.random() < 0.35
            pressure = 90 + 0.7 * age + rng.normal(0, 9)
            ill = rng.random() < 1 / (1 + np.exp(-(0.09 * (age - 52) + 0.06 * (pressure - 127) + 1.2 * smoker)))
            cell = "" if rng.random() < 0.05 else f"{pressure:.1f}"
            lines.append(f"{hospital};{age:.0f};{cell};{'yes' if smoker else 'no'};{'ill' if ill else 'well'}")
    return "\n".join(lines).encode()


def texts() -> bytes:
    """Reviews of films and of kitchen tools, good and bad ones."""
    rng = np.random.default_rng(3)
    nouns = {"films": ["film", "story", "actor", "ending", "music"], "kitchen": ["knife", "pan", "blender", "handle", "lid"]}
    good = {"films": ["moving", "clever", "gripping"], "kitchen": ["sharp", "sturdy", "easy to clean"]}
    bad = {"films": ["dull", "predictable", "far too long"], "kitchen": ["flimsy", "rusty", "hard to use"]}
    shared = {"good": ["I love it", "great", "would buy again", "wonderful"], "bad": ["I regret it", "awful", "a waste of money", "poor"]}
    lines = ["domain,label,text"]
    for domain, things in nouns.items():
        for i in range(160):
            label = ("good", "bad")[i % 2]
            word = rng.choice((good if label == "good" else bad)[domain])
            end = rng.choice(shared[label]) if rng.random() < 0.6 else "that is all"
            lines.append(f'{domain},{label},"The {rng.choice(things)} is {word} and the {rng.choice(things)} too, {end}."')
    return "\n".join(lines).encode()


def sounds() -> bytes:
    """Rising and falling whistles, heard from close by and in a noisy hall. domain/class/file.wav."""
    rng = np.random.default_rng(4)
    rate, files = 8000, {}
    time = np.arange(int(0.4 * rate)) / rate
    for domain in ("close", "hall"):
        for name, slope in (("rising", 900.0), ("falling", -900.0)):
            for i in range(40):
                start = rng.uniform(900, 1500)
                wave = np.sin(2 * np.pi * (start * time + slope * time**2)) * np.hanning(len(time))
                if domain == "hall":
                    echo = np.zeros_like(wave)
                    echo[800:] = 0.6 * wave[:-800]
                    wave = 0.6 * (wave + echo) + rng.normal(0, 0.05, len(time))
                out = io.BytesIO()
                wavfile.write(out, rate, (0.5 * wave.clip(-1, 1) * 32767).astype(np.int16))
                files[f"{domain}/{name}/{i:02}.wav"] = out.getvalue()
    return _zip(files)


def arrays() -> bytes:
    """Two moons that were turned by 40 degrees: a target for the built-in ones, which have the same classes."""
    from sklearn.datasets import make_moons

    x, y = make_moons(400, noise=0.1, random_state=5)
    turn = np.deg2rad(40)
    x = (np.asarray(x) - [0.5, 0.25]) @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    out = io.BytesIO()
    np.savez(out, X=x.astype(np.float32), y=y, class_names=np.array(["upper", "lower"]))
    return out.getvalue()


SAMPLE_FILES = (
    SampleFile("shapes.zip", "Pictures", "Shapes by day and at night, as domain/class/file.png.", pictures),
    SampleFile("patients.csv", "Table", "Patients of two hospitals, with missing values.", table),
    SampleFile("reviews.csv", "Texts", "Reviews of films and of kitchen tools.", texts),
    SampleFile("whistles.zip", "Sounds", "Whistles close by and in a hall, as domain/class/file.wav.", sounds),
    SampleFile("turned_moons.npz", "Arrays", "Two moons, turned: a target for the built-in ones.", arrays),
)
