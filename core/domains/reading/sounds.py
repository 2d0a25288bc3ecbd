"""WAV files in folders, as waves of one length at one sample rate."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence

import numpy as np
from pydantic import Field

from core.domains.reading.archives import Unreadable
from core.domains.reading.base import Given, Note, Progress, Raw, Reading, few, settle
from core.domains.reading.layout import FolderOptions, Labelled, files_by_domain
from core.errors import InputError
from core.samples.spectrogram import RATE

SUFFIXES = (".wav", ".wave")
MAX_BYTES = 10**9  # of all waves of an upload
MAX_SECONDS = 30
LONGEST = 5.0  # seconds that are chosen by themselves, at most
LOUDEST = 2.0**31  # of floats
OVERSHOOT = 0.01  # by which resampling may leave −1 to 1
RATES = (1000, 400_000)  # samples a second that are believed


class SoundOptions(FolderOptions):
    """How sounds become inputs."""

    seconds: float = Field(
        0,
        ge=0,
        le=MAX_SECONDS,
        description="Length: longer sounds lose their end, shorter ones get silence. 0 chooses the usual length, up to 5 s.",
    )


def read(givens: Sequence[Given], options: SoundOptions, on_progress: Progress | None = None) -> Reading:
    """Folders or zips of WAV files, ``class/file`` or ``domain/class/file``.

    Integers of 8 to 32 bits and floats are read, these divided by one number where they leave −1 to 1; channels are averaged; every
    sound is brought to `spectrogram.RATE` samples a second.

    Raises
    ------
    InputError
        Nothing can be read, or too much would have to be.
    """
    notes: list[Note] = []
    where = ", ".join(given.name for given in givens)
    with files_by_domain(givens, SUFFIXES, options.layout, notes) as (groups, given):
        if not any(groups.values()):
            raise InputError(where, "there are no sounds in it.", "Give files that end in .wav.")
        found = _scaled(_decoded(where, groups, options.seconds or MAX_SECONDS, notes, on_progress), notes)
    lengths = [len(wave) for waves in found.values() for wave, _ in waves]
    if not lengths:
        raise InputError(where, f"no sound can be read. {notes[-1].what}", "Save the sounds as WAV files with 16 bits.")
    length = round(options.seconds * RATE) or max(RATE // 10, min(round(LONGEST * RATE), round(np.median(lengths))))
    if length * len(lengths) * 2 > MAX_BYTES:
        raise InputError(where, f"{len(lengths):,} sounds of {length / RATE:.1f} s are too many.", "Choose fewer seconds.")
    raws = [_of_one_length(name, waves, length, notes) for name, waves in found.items()]
    full = options.model_copy(update={"seconds": length / RATE})
    facts = {"Sounds": f"{length / RATE:.2f} s at {RATE:,} samples a second, one channel"}
    return settle(where, "sound", raws, full, notes, given, "files", facts=facts, rate=RATE)


Wave = tuple[np.ndarray, str | None]


def _decoded(
    where: str, groups: dict[str, list[Labelled]], seconds: float, notes: list[Note], on_progress: Progress | None
) -> dict[str, list[Wave]]:
    """The waves of each domain, of at most so many seconds and one sample, with their classes; what is damaged is left out and noted."""
    found: dict[str, list[Wave]] = {}
    total, done, held = sum(map(len, groups.values())), 0, 0
    for name, files in groups.items():
        found[name] = []
        problems: dict[str, list[str]] = {}
        for member, label in files:
            done += 1
            try:
                wave = decode(member.read())
            except Unreadable as error:
                problems.setdefault(str(error), []).append(member.path)
                continue
            wave = wave[: round(RATE * seconds) + 1]  # one more, to know that it is longer
            held += 2 * len(wave)
            if held > MAX_BYTES:
                raise InputError(where, "its sounds are too long together.", f"Give at most {MAX_BYTES / 2 / RATE / 3600:.0f} hours.")
            found[name].append((wave, label))
            if on_progress and done % 50 == 0:
                on_progress(done / total)
        notes += [Note(name, f"Left out: {few(places, 3)}: {reason}.", len(places)) for reason, places in problems.items()]
    return found


def _of_one_length(name: str, waves: list[Wave], length: int, notes: list[Note]) -> Raw:
    """The waves of one domain, cut or filled up with silence."""
    longer = sum(len(wave) > length for wave, _ in waves)
    if longer:
        notes.append(Note(name, f"{longer} sounds are longer than {length / RATE:.2f} s and lose their end."))
    inputs = np.zeros((len(waves), length), np.int16)
    for row, (wave, _) in zip(inputs, waves, strict=True):
        row[: len(wave)] = wave[:length]
    labels = [label for _, label in waves]
    return Raw(name, inputs, None if None in labels else np.array(labels, dtype=object))


def decode(content: bytes) -> np.ndarray:
    """One sound at `spectrogram.RATE` samples a second: int16; where the file holds floats, these as they are.

    Raises
    ------
    Unreadable
        It is damaged, no WAV file, or holds no samples.
    """
    from scipy.io import wavfile
    from scipy.signal import resample_poly

    if not content:
        raise Unreadable("the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # chunks that are not sound
            rate, wave = wavfile.read(io.BytesIO(content))
    except Exception as error:  # damaged bytes surface as anything, struct.error and UnboundLocalError among them
        raise Unreadable("it is damaged, or no WAV file that can be read") from error
    if wave.size == 0:
        raise Unreadable("it holds no samples")
    if not RATES[0] <= rate <= RATES[1]:
        raise Unreadable(f"it says that it has {rate:,} samples a second")
    x = wave[: MAX_SECONDS * rate].astype(np.float32)
    if wave.dtype == np.uint8:
        x = (x - 128) / 128
    elif wave.dtype.kind == "i":
        x /= float(2 ** (8 * wave.dtype.itemsize - 1))  # SciPy puts 24 bits into the upper part of 32
    if x.ndim == 2:
        x = x.mean(1)
    if not np.isfinite(x).all():
        raise Unreadable("some of its values are missing or infinite")
    if np.abs(x).max() > LOUDEST:
        raise Unreadable(f"its values run up to {np.abs(x).max():g}")
    if rate != RATE:
        shared = math.gcd(rate, RATE)
        x = resample_poly(x, RATE // shared, rate // shared)
    return x.astype(np.float32) if wave.dtype.kind == "f" else _sixteen_bits(x)


def _sixteen_bits(x: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(x, -1, 32767 / 32768) * 32768).astype(np.int16)


def _scaled(found: dict[str, list[Wave]], notes: list[Note]) -> dict[str, list[Wave]]:
    """All waves as int16. Where floats leave −1 to 1, all are divided by one number: full scale of 16 or 32 bits, or their largest."""
    peaks = [float(np.abs(wave).max()) for waves in found.values() for wave, _ in waves if wave.dtype.kind == "f"]
    largest = max(peaks, default=1.0)
    full = next((size for low, size in ((128, 2**15), (2**16, 2**31)) if low < largest <= size), max(largest, 1.0))
    if largest > 1 + OVERSHOOT:
        what = f"Their values run up to {largest:,.4g}, not to 1: those of all {len(peaks):,} sounds of floats were divided by {full:,.4g}."
        notes.append(Note("sounds", what))
    else:
        full = 1.0
    return {
        name: [(_sixteen_bits(wave / full) if wave.dtype.kind == "f" else wave, label) for wave, label in waves]
        for name, waves in found.items()
    }
