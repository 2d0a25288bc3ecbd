"""Methods in closed form on frozen features: pure functions on float64 arrays, and thin classes on top.

`base` holds what they share, `heads` the classifiers; `weighting`, `subspace`, `kernel`, `maps` and `augment` the methods.
"""

from core.methods.shallow import augment, kernel, maps, subspace, weighting  # noqa: F401  (they register themselves)
