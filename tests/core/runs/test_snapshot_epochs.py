"""Which epochs of a run have a picture."""

from __future__ import annotations

import numpy as np

from core.runs.execute import SNAPSHOTS, snapshot_epochs


def test_few_pictures_of_a_long_run_are_kept():
    assert snapshot_epochs(3) == {0, 1, 2, 3}
    assert snapshot_epochs(60) == set(range(61))
    kept = sorted(snapshot_epochs(1000))
    assert (kept[0], kept[-1], len(kept)) == (0, 1000, SNAPSHOTS)
    assert set(np.diff(kept)) <= {16, 17}
