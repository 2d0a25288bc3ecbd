"""Execute an experiment into its record: what the command line and the background worker both do."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from core import __version__, devices
from core.domains.pair import load_pair
from core.errors import InputError
from core.experiment import Experiment
from core.runs import store
from core.runs.control import Cancelled, Closed, Control
from core.runs.progress import Progress
from core.runs.record import Record, Writer
from core.samples.pictures import pictures
from core.training import Checkpoint, Epoch, train
from core.training.data import Samples
from core.training.estimate import updates_of

PICTURE = 32  # pixels: stored pictures are at most this large, which leaves emoji as they are
CLOSED = "The server was stopped. Resume goes on from the last finished epoch."
SNAPSHOTS = 61  # pictures of a run, at most: one of 4,000 samples is a megabyte


def execute(
    experiment: Experiment,
    record: Writer,
    device: str,
    control: Control | None = None,
    on_progress: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Run or resume an experiment; the record, opened by the caller, gets every epoch as it is finished.

    Parameters
    ----------
    control : Control, optional
    on_progress : callable, optional
        Told the progress dictionary of status.json, at most every `core.runs.progress.TICK` seconds and after each epoch.

    Raises
    ------
    InputError
        The experiment cannot be run, for a reason that its user can mend.
    Cancelled
    """
    # In the thread that computes: the number of threads is each thread's own, other libraries change it, and results depend on it.
    devices.limit_threads()
    control = control or Control()
    progress = Progress(experiment)
    try:
        checkpoint = _last_checkpoint(record)
        earlier = record.status().get("seconds", 0.0) if checkpoint else 0.0
        started = time.time()

        def note(state: str = "running", **more: Any) -> None:
            facts = progress.facts()
            record.update(state=state, seconds=earlier + time.time() - started, progress=facts, **more)
            if on_progress:
                on_progress(facts)

        facts = {"device": device, "device_title": devices.title(device), "started": started, "versions": _versions()}
        record.update(state="running", error=None, details=None, **facts)
        note(message="Preparing the data.")

        def on_download(fraction: float) -> None:
            control.check()
            record.update(message=f"Downloading the data, {100 * fraction:.0f} %.")

        pair = load_pair(*experiment.pair, on_download)
        record.write_samples(_arrays(Samples.of(experiment, pair)))
        source, target = pair.source, pair.target
        record.update(class_names=list(pair.class_names), held_out=[len(d.test) for d in (source, target)])
        record.update(updates=updates_of(experiment, len(source.train), len(target.train), target.labels is not None))
        for line in record.epochs():
            progress.finished(line, computed=False)
        note(message="")

        def tell(is_due: bool) -> None:
            control.check()
            if is_due:
                note()

        computed = train(
            experiment,
            device,
            store.ReferenceStore(),
            checkpoint,
            on_batch=lambda phase, _, fraction: tell(progress.within(phase, fraction)),
            on_step=lambda *told: tell(progress.reads(*told)),
            pair=pair,
        )
        for epoch in computed:
            _add(record, epoch)
            progress.finished(epoch.as_dict(), computed=epoch.checkpoint is not None)
            note()
            control.wait(lambda: note("paused"), note)
        note("finished")
        (record.folder / "checkpoint.safetensors").unlink(missing_ok=True)
    except Closed:
        record.update(state="interrupted", message=CLOSED)
        raise
    except Cancelled:
        record.update(state="cancelled", message="Cancelled. Every finished epoch is kept; resume goes on from there.")
        raise
    except BaseException as error:
        _note_failure(record, error, device)
        raise
    finally:
        record.close()


def _last_checkpoint(record: Writer) -> Checkpoint | None:
    """Where to go on; epochs after it are dropped. None to start over, also where the line of the checkpoint's epoch is missing."""
    checkpoint = store.read_checkpoint(record)
    record.keep_until(checkpoint.phase if checkpoint else None, checkpoint.number if checkpoint else 0)
    return checkpoint if record.epochs() else None


def _note_failure(record: Writer, error: BaseException, device: str) -> None:
    """Why a run ended before its time, in words for its user; where the program is to blame, also where in it."""
    expected = isinstance(error, InputError | KeyboardInterrupt)
    text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
    if isinstance(error, torch.OutOfMemoryError):
        text = f"{device} has too little memory for this run. Choose a smaller batch, backbone or image size, or the CPU."
    record.update(
        state="interrupted" if isinstance(error, KeyboardInterrupt) else "failed",
        error=text,
        details=None if expected else traceback.format_exc(),
    )


@lru_cache
def snapshot_epochs(total: int) -> frozenset[int]:
    """The epochs of which a picture is kept: all of a run of up to `SNAPSHOTS`, evenly spaced ones of a longer run."""
    return frozenset(np.linspace(0, total, min(total + 1, SNAPSHOTS)).round().astype(int).tolist())


def _add(record: Writer, epoch: Epoch) -> None:
    snapshot = epoch.snapshot if epoch.number in snapshot_epochs(epoch.total) else None
    arrays = snapshot and {"features": snapshot.features, "probabilities": snapshot.probabilities} | snapshot.plane
    record.add(epoch.as_dict(), arrays)
    if epoch.checkpoint:
        store.write_checkpoint(record, epoch.checkpoint())


def _arrays(samples: Samples) -> dict[str, np.ndarray]:
    """What is stored of samples for their pictures."""
    arrays = {"labels": samples.labels.numpy().astype(np.int64)} | samples.originals.arrays()
    if samples.originals.texts:
        return arrays
    if samples.inputs.ndim == 2:
        return arrays | {"rows": samples.inputs.numpy()} | ({} if samples.plane is None else {"plane": samples.plane})
    return arrays | {"pictures": pictures(samples.inputs, sound=samples.originals.waves is not None, most=PICTURE)}


def _versions() -> dict[str, str]:
    return {"shiftscope": __version__} | {name: version(name) for name in ("torch", "torchvision", "scikit-learn", "numpy")}


def run_here(experiment: Experiment, device: str, on_progress: Callable[[dict[str, Any]], None] | None = None) -> Record:
    """Run, resume or find finished, in this thread; returns the record. For the command line and notebooks."""
    if done := store.finished(experiment.id):
        return done
    record = store.writer(experiment.id)
    open_record(record, experiment)
    if record.status()["state"] == "finished":  # by another process, since the look above
        record.close()
        return record
    execute(experiment, record, device, on_progress=on_progress)
    return record


def open_record(record: Writer, experiment: Experiment) -> None:
    """Take the run's lock; raises `InputError` where another process works on it."""
    from filelock import Timeout

    try:
        record.open(experiment.canonical_json())
    except Timeout:
        raise InputError("run", "This run is being computed by another process.", "Wait for it, or watch it on the Adapt page.") from None
