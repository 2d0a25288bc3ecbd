"""Alignments of frozen features: against POT, closed forms and direct solutions of what they minimise; rows stay in their order."""

from __future__ import annotations

import numpy as np
import ot
import pytest
from method_tools import clouds
from scipy.linalg import eigvals, sqrtm, subspace_angles
from scipy.optimize import minimize
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from core.errors import InputError
from core.methods.shallow.alignment import covariance, gaussian, median_distance, power, scaler
from core.methods.shallow.augment import augment
from core.methods.shallow.kernel import jda, tca
from core.methods.shallow.maps import coral, gaussian_transport, transport
from core.methods.shallow.subspace import flow_kernel, geodesic_flow, principal_directions, standardise, subspace_alignment

SOURCE, TARGET = clouds(40, 30, 5)
LABELS = (SOURCE[:, 0] > 0).astype(int)


def by_nearest(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return KNeighborsClassifier(1).fit(x, LABELS).predict(y)


ALL = {
    "standardise": standardise,
    "subspace alignment": lambda x, y: subspace_alignment(x, y, 3),
    "geodesic flow": lambda x, y: geodesic_flow(x, y, 2),
    "coral": lambda x, y: coral(x, y, 0.1),
    "gaussian transport": lambda x, y: gaussian_transport(x, y, 0.1),
    "exact transport": lambda x, y: transport(x, y, "exact"),
    "entropic transport": lambda x, y: transport(x, y, "entropic", entropy=0.05),
    "class transport": lambda x, y: transport(x, y, "class-regularised", LABELS, 0.05),
    "tca columns": lambda x, y: tca(x, y, 3, 0.1, "columns", unit_length=False),
    "tca linear": lambda x, y: tca(x, y, 3, 0.1, "linear"),
    "tca gaussian": lambda x, y: tca(x, y, 6, 0.1, "gaussian"),
    "jda": lambda x, y: jda(x, y, LABELS, by_nearest, 3, 0.1),
}


# All of them


@pytest.mark.parametrize("name", ALL)
def test_rows_belong_to_the_rows_that_were_given(name):
    """Another library returned TCA's rows in another order; a new sample that equals an old one must go where that one went."""
    found = ALL[name](SOURCE, TARGET)
    assert len(found.source) == len(SOURCE)
    assert len(found.target) == len(TARGET)
    for rows, image, follow in ((SOURCE, found.source, found.map_source), (TARGET, found.target, found.map_target)):
        mixed = np.random.default_rng(1).permutation(len(rows))
        np.testing.assert_allclose(follow(rows[mixed]), image[mixed], atol=1e-9)
        assert np.ptp(image, axis=0).max() > 1e-6


@pytest.mark.parametrize("name", [name for name in ALL if "class" not in name and name != "jda"])
def test_another_order_of_the_samples_is_another_order_of_the_result(name):
    a, b = np.random.default_rng(2).permutation(len(SOURCE)), np.random.default_rng(3).permutation(len(TARGET))
    found, mixed = ALL[name](SOURCE, TARGET), ALL[name](SOURCE[a], TARGET[b])
    for one, other in ((found.source[a], mixed.source), (found.target[b], mixed.target)):
        # Eigenvectors have no sign: compare inner products.
        np.testing.assert_allclose(other @ other.T, one @ one.T, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_features_that_are_not_numbers_are_refused(name):
    for x, y in ((np.where(SOURCE > 2, np.nan, SOURCE), TARGET), (SOURCE, np.where(TARGET > 2, np.inf, TARGET))):
        with pytest.raises(InputError, match="not finite"):
            ALL[name](x, y)
    with pytest.raises(InputError, match="columns"):
        ALL[name](SOURCE, TARGET[:, :-1])


@pytest.mark.parametrize("align", [subspace_alignment, geodesic_flow, lambda x, y, k: tca(x, y, k, 1.0, "columns")])
@pytest.mark.parametrize(("n", "d"), [(40, 5), (4, 8)])
def test_more_dimensions_than_samples_or_columns_are_refused(align, n, d):
    x, y = clouds(n, 30, d)
    with pytest.raises(InputError, match=f"at most {min(n, d)}") as error:
        align(x, y, min(n, d) + 1)
    assert error.value.where == "dimensions"


# Scaling and covariance


def test_scaler_leaves_constant_columns_alone():
    x = np.column_stack([SOURCE, np.full(40, 7.0)])
    z = scaler(x)(x)
    np.testing.assert_allclose(z[:, :5].std(0), 1)
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(scaler(x)(x + 1)[:, 5], 1)


def test_power_of_a_matrix_without_full_rank():
    c = covariance(np.column_stack([SOURCE, SOURCE[:, :2] @ [1, 2]]))
    root, inverse = power(c, 0.5), power(c, -1)
    np.testing.assert_allclose(root @ root, c, atol=1e-10)
    np.testing.assert_allclose(c @ inverse @ c, c, atol=1e-8)
    np.testing.assert_allclose(inverse, np.linalg.pinv(c, rcond=1e-10), atol=1e-8)


@pytest.mark.parametrize("align", [coral, gaussian_transport])
def test_the_image_of_the_source_has_the_targets_mean_and_covariance(align):
    found = align(SOURCE, TARGET, 1e-10)
    np.testing.assert_allclose(np.cov(found.source.T), np.cov(TARGET.T), atol=1e-6)
    np.testing.assert_allclose(found.source.mean(0), TARGET.mean(0), atol=1e-9)
    assert np.array_equal(found.target, TARGET)


def test_coral_is_the_papers_formula():
    a, b = (np.cov(x.T) + np.eye(5) for x in (SOURCE, TARGET))
    expected = (SOURCE - SOURCE.mean(0)) @ np.linalg.inv(sqrtm(a).real) @ sqrtm(b).real + TARGET.mean(0)
    np.testing.assert_allclose(coral(SOURCE, TARGET, 1.0).source, expected, atol=1e-9)


def test_gaussian_transport_is_pots_and_moves_less_than_coral():
    # POT divides covariances by n, and so here n is taken the same way.
    found, other = gaussian_transport(SOURCE, TARGET, 1e-9), coral(SOURCE, TARGET, 1e-9)
    model = ot.da.LinearTransport(reg=1e-9).fit(Xs=SOURCE, Xt=TARGET)
    scale = np.sqrt((30 / 29) / (40 / 39))
    centre = TARGET.mean(0)
    np.testing.assert_allclose(found.source - centre, scale * (model.transform(Xs=SOURCE) - centre), atol=1e-6)
    way = [np.square(moved.source - SOURCE).sum() for moved in (found, other)]
    assert way[0] < way[1]


# Subspaces


def test_subspace_alignment_keeps_the_papers_distances():
    p, q = (PCA(3).fit(x).components_.T for x in (SOURCE, TARGET))
    matrix = p.T @ q
    best = minimize(lambda m: np.square(p @ m.reshape(3, 3) - q).sum(), np.zeros(9)).x.reshape(3, 3)
    np.testing.assert_allclose(matrix, best, atol=1e-4)
    papers = (SOURCE - SOURCE.mean(0)) @ p @ matrix, (TARGET - TARGET.mean(0)) @ q
    found = subspace_alignment(SOURCE, TARGET, 3)
    np.testing.assert_allclose(found.source @ found.target.T, papers[0] @ papers[1].T, atol=1e-9)
    assert found.source.shape == (40, 5)


@pytest.mark.parametrize(("d", "k"), [(6, 2), (6, 3), (5, 4), (5, 5)])
def test_the_flow_kernel_is_the_integral_over_the_geodesic(d, k):
    x, y = clouds(60, 50, d)
    p, q = principal_directions(x, k), principal_directions(y, k)

    # The geodesic by its initial velocity (Edelman et al. 1998, SIAM J. Matrix Anal. 20:303-353, theorem 2.3).
    u, s, v = np.linalg.svd((np.eye(d) - p @ p.T) @ q @ np.linalg.inv(p.T @ q), full_matrices=False)
    angles = np.arctan(s)
    np.testing.assert_allclose(np.sort(angles), np.sort(subspace_angles(p, q)), atol=1e-6)

    def at(t: float) -> np.ndarray:
        return p @ v.T @ np.diag(np.cos(t * angles)) + u @ np.diag(np.sin(t * angles))

    np.testing.assert_allclose(np.abs(np.linalg.svd(at(1).T @ q)[1]), 1, atol=1e-6)  # it ends in the target's space
    nodes, weights = np.polynomial.legendre.leggauss(20)
    integral = sum(w / 2 * at((t + 1) / 2) @ at((t + 1) / 2).T for t, w in zip(nodes, weights, strict=True))
    np.testing.assert_allclose(flow_kernel(p, q), integral, atol=1e-6)
    found = geodesic_flow(x, y, k)
    np.testing.assert_allclose(found.source @ found.target.T, (x - x.mean(0)) @ integral @ (y - y.mean(0)).T, atol=1e-5)


def test_the_flow_between_equal_spaces_is_their_projection():
    p = principal_directions(SOURCE, 2)
    np.testing.assert_allclose(flow_kernel(p, p @ [[0, 1], [1, 0]]), p @ p.T, atol=1e-9)


# TCA and JDA


def matrices(kernel: str, labels: np.ndarray | None = None, predicted: np.ndarray | None = None):
    """Φ, H and the normalised L, written out as in the papers."""
    x = np.concatenate([SOURCE, TARGET])
    n, m = len(SOURCE), len(TARGET)
    k = {"columns": x, "linear": x @ x.T, "gaussian": gaussian(x, x, median_distance(SOURCE, TARGET))}[kernel]
    e = np.r_[np.full(n, 1 / n), np.full(m, -1 / m)]
    apart = np.outer(e, e)
    if labels is not None:
        apart = 2 * apart
        for c in (0, 1):
            e = np.r_[(labels == c) / (labels == c).sum(), -1.0 * (predicted == c) / (predicted == c).sum()]
            apart = apart + np.outer(e, e)
    return k, np.eye(n + m) - 1 / (n + m), apart / np.linalg.norm(apart)


def ratio(weights: np.ndarray, scatter: np.ndarray, near: np.ndarray) -> float:
    """tr((WᵀAW)⁻¹ WᵀBW), which has no scale."""
    return float(np.trace(np.linalg.solve(weights.T @ near @ weights, weights.T @ scatter @ weights)))


def assert_optimal(found, k, centre, apart, regulariser: float) -> None:
    scatter, near = k.T @ centre @ k, k.T @ apart @ k + regulariser * np.eye(k.shape[1])
    embedded = np.concatenate([found.source, found.target])
    dimensions = embedded.shape[1]
    weights = np.linalg.lstsq(k, embedded, rcond=1e-12)[0]
    best = np.sort(eigvals(scatter, near).real)[::-1][:dimensions].sum()
    value = np.trace(embedded.T @ centre @ embedded) / regulariser  # as Wᵀ A W = λ1
    assert value == pytest.approx(best, rel=1e-6)
    if k.shape[1] < len(k):  # of columns alone the weights can be had back from the image
        np.testing.assert_allclose(weights.T @ near @ weights, regulariser * np.eye(dimensions), atol=1e-8)
        rng = np.random.default_rng(0)
        for size in (1e-3, 1e-2, 0.1, 1):
            assert ratio(weights + size * rng.normal(size=weights.shape), scatter, near) < value


@pytest.mark.parametrize("kernel", ["columns", "linear", "gaussian"])
@pytest.mark.parametrize("regulariser", [0.01, 1.0])
def test_tca_reaches_the_optimum_of_its_objective(kernel, regulariser):
    found = tca(SOURCE, TARGET, 3, regulariser, kernel, unit_length=False)
    assert_optimal(found, *matrices(kernel), regulariser)


def test_jda_reaches_the_optimum_of_its_last_round():
    seen = []

    def classify(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        seen.append(by_nearest(x, y))
        return seen[-1]

    for rounds in (2, 10):
        seen.clear()
        found = jda(SOURCE, TARGET, LABELS, classify, 3, 0.1, "columns", unit_length=False, rounds=rounds)
        assert len(seen) <= rounds - 1
        assert_optimal(found, *matrices("columns", LABELS, seen[-1]), 0.1)


def test_one_round_of_jda_is_tca():
    found = jda(SOURCE, TARGET, LABELS, by_nearest, 3, 0.1, rounds=1)
    again = tca(SOURCE, TARGET, 3, 0.1)
    np.testing.assert_allclose(found.source @ found.target.T, again.source @ again.target.T, atol=1e-9)


def test_tca_brings_means_together_and_jda_those_of_the_classes():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200)
    x = rng.normal(size=(200, 6)) + 3 * np.eye(6)[labels]
    y = rng.normal(size=(200, 6)) + 3 * np.eye(6)[labels] + 4 * np.eye(6)[4] + np.outer(2 * labels - 1, 2 * np.eye(6)[5])

    def gaps(a) -> np.ndarray:
        spread = np.concatenate([a.source, a.target]).std()
        both = [np.linalg.norm(a.source[labels == c].mean(0) - a.target[labels == c].mean(0)) for c in (0, 1)]
        return np.array([np.linalg.norm(a.source.mean(0) - a.target.mean(0)), *both]) / spread

    settings = {"dimensions": 2, "regulariser": 0.1, "kernel": "columns", "unit_length": False}
    by_means = gaps(tca(x, y, **settings))
    by_classes = gaps(jda(x, y, labels, lambda a, b: labels, **settings))  # as if predictions were right
    assert by_means[0] < 0.2 * np.linalg.norm(x.mean(0) - y.mean(0)) / np.concatenate([x, y]).std()
    assert by_classes[1:].max() < 0.5 * by_means[1:].max()


# Optimal transport


@pytest.mark.parametrize(
    ("plan", "model"),
    [
        ("exact", ot.da.EMDTransport(norm="max")),
        ("entropic", ot.da.SinkhornTransport(reg_e=0.05, norm="max", out_of_sample_map="ferradans", max_iter=5000, tol=1e-10)),
        ("class-regularised", ot.da.SinkhornLpl1Transport(reg_e=0.05, reg_cl=0.1, norm="max")),
    ],
)
def test_transport_moves_old_and_new_samples_as_pot_does(plan, model):
    model.fit(Xs=SOURCE, ys=LABELS, Xt=TARGET)
    found, new = transport(SOURCE, TARGET, plan, LABELS, 0.05, 0.1), clouds(20, 2, 5, seed=7)[0]
    np.testing.assert_allclose(found.source, model.transform(Xs=SOURCE), atol=1e-5)
    np.testing.assert_allclose(found.map_source(new), model.transform(Xs=new), atol=1e-5)
    assert np.array_equal(found.map_target(new), new)


def test_the_exact_plan_is_the_cheapest_assignment():
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    x = SOURCE[:30]
    _, to = linear_sum_assignment(cdist(x, TARGET, "sqeuclidean"))
    np.testing.assert_allclose(transport(x, TARGET, "exact").source, TARGET[to], atol=1e-9)


def test_the_class_term_keeps_classes_apart():
    """Each target sample takes mass from fewer classes than without the term: its shares have less entropy."""
    rng = np.random.default_rng(0)
    x, labels = np.concatenate([rng.normal(size=(30, 2)), rng.normal(size=(30, 2)) + 1.5]), np.repeat([0, 1], 30)
    y = x + [0.5, 0]
    gap = [
        np.linalg.norm(np.subtract(*(a.source[labels == c].mean(0) for c in (0, 1))))
        for a in (transport(x, y, "class-regularised", labels, 0.1, eta) for eta in (0.0, 1.0))
    ]
    assert gap[1] > 1.1 * gap[0]


def test_with_little_entropy_the_class_term_has_no_say():
    """Why ε is 0.1 here: with 0.01 each target sample has its class before the term for classes is asked."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 150)
    x, y = (2 * np.eye(3, 6)[one] + rng.normal(size=(150, 6)) for one in (labels, rng.integers(0, 3, 150)))
    moved = {}
    for entropy in (0.01, 0.1):
        without, within = (transport(x, y, "class-regularised", labels, entropy, eta).source for eta in (0.0, 0.1))
        moved[entropy] = np.linalg.norm(within - without, axis=1).mean()
    assert moved[0.1] > 1.3 * moved[0.01]


@pytest.mark.parametrize("entropy", [0.05, 0.1])
def test_the_class_regularised_plan_lowers_the_papers_objective(entropy):
    """Σ P c + ε Σ P log P + η Σ_jc ‖P(class c, j)‖_1^½ (Courty et al. 2017), beside the plan of Sinkhorn."""
    eta, cost = 0.1, ot.dist(SOURCE, TARGET)
    cost = cost / cost.max()

    def objective(plan: np.ndarray) -> float:
        by_class = np.stack([plan[c == LABELS].sum(0) for c in (0, 1)])
        return float((plan * cost).sum() + entropy * (plan * np.log(np.maximum(plan, 1e-300))).sum() + eta * np.sqrt(by_class).sum())

    rows, columns = np.full(40, 1 / 40), np.full(30, 1 / 30)
    sinkhorn = ot.sinkhorn(rows, columns, cost, entropy)
    plan = ot.da.SinkhornLpl1Transport(reg_e=entropy, reg_cl=eta, norm="max").fit(Xs=SOURCE, ys=LABELS, Xt=TARGET).coupling_
    assert objective(plan) < objective(sinkhorn) - 1e-3
    expected = (plan / plan.sum(1, keepdims=True)) @ TARGET
    np.testing.assert_allclose(transport(SOURCE, TARGET, "class-regularised", LABELS, entropy, eta).source, expected, atol=1e-9)


def test_too_little_entropy_is_refused():
    with pytest.raises(InputError, match="larger") as error:
        transport(SOURCE, TARGET, "class-regularised", LABELS, entropy=1e-6)
    assert error.value.where == "entropy"


# EasyAdapt


def test_easyadapt_makes_the_papers_kernel():
    """K(x, y) is twice the inner product within a domain, and once between domains (Daumé 2007, section 3.2)."""
    source, target = augment(SOURCE, "source"), augment(TARGET, "target")
    np.testing.assert_allclose(source @ source.T, 2 * SOURCE @ SOURCE.T)
    np.testing.assert_allclose(target @ target.T, 2 * TARGET @ TARGET.T)
    np.testing.assert_allclose(source @ target.T, SOURCE @ TARGET.T)
