"""2-D maps of features in which a point keeps its identity across epochs: PCA, discriminant, UMAP; their quality and outlines.

Rows are L2-normalised first, so that a network whose feature norms grow does not shrink its first epochs to a dot; a change of scale
is seen by MMD², whose columns are standardised, and not on a map. Features of one or two columns are a map already and stay as they are.
"""

from core.maps.discriminant import Basis, discriminant_map, live_discriminant
from core.maps.frame import EpochMap, checkpoints
from core.maps.joint import prepare_numba_cache, umap_map
from core.maps.linear import live_pca, pca_map
from core.maps.outline import class_centres, density_contour, level_lines
from core.maps.quality import MapQuality, class_purity, disagreement, map_quality, trustworthiness

__all__ = [
    "Basis",
    "EpochMap",
    "MapQuality",
    "checkpoints",
    "class_centres",
    "class_purity",
    "density_contour",
    "disagreement",
    "discriminant_map",
    "level_lines",
    "live_discriminant",
    "live_pca",
    "map_quality",
    "pca_map",
    "prepare_numba_cache",
    "trustworthiness",
    "umap_map",
]
