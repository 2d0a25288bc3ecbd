"""What the canvas asks the server for: new epochs alone, samples, quality, the program, its own scripts; and words where there is none."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette

from core.cache import Cache
from core.maps import run_map
from core.maps.data import MapData
from core.maps.packing import pack
from core.runs import store
from core.runs.blind import Blind
from core.runs.record import Writer
from pages.elements import embedding, routes

N, D, K = 15, 6, 3
IDS = count(0xDDDD00000001)  # caches know a run by its id, and two runs never have the same
APP = Starlette(routes=routes.ROUTES)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def header(self) -> dict:
        """Of a map's bytes."""
        raw = gzip.decompress(self.body)
        return json.loads(raw[4 : 4 + int.from_bytes(raw[:4], "little")])


def get(path: str, query: str = "") -> Answer:
    """One request to the routes. In a thread of its own: Playwright keeps an event loop running in the one of the tests."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "root_path": "", "query_string": query.encode()}
    scope |= {"headers": [], "http_version": "1.1", "scheme": "http", "server": ("here", 80), "client": ("here", 1)}
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, APP(scope, receive, send)).result()
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))


@pytest.fixture
def make(tmp_path, monkeypatch):
    """``make()`` is a run that has begun, with pictures; ``make("rows")`` one of three columns, ``make("plane")`` one of a plane."""
    monkeypatch.setenv("SHIFTSCOPE_HOME", str(tmp_path))
    made = []

    def record(samples: str = "pictures") -> Writer:
        one = store.writer(f"{next(IDS):012x}").open('{"seed": 0}')
        made.append(one)
        rng = np.random.default_rng(len(made))
        columns = {"rows": 3, "plane": 2}.get(samples)
        arrays = {"labels": np.arange(2 * N) % K}
        if columns is None:
            arrays["pictures"] = rng.integers(0, 256, (2 * N, 5, 4, 3)).astype(np.uint8)
        else:
            arrays["rows"] = rng.normal(size=(2 * N, columns)).astype(np.float32)
        if samples == "plane":
            arrays["plane"] = np.array([0, 0, 4], np.float32)
        one.write_samples(arrays)
        one.update(state="running", class_names=["a", "b", "c"], held_out=[N, N])
        return one

    yield record
    for one in made:
        one.close()


def add(record: Writer, *numbers: int) -> None:
    for number in numbers:
        features = np.random.default_rng(0).normal(size=(2 * N, D)) * np.roll([5, 3, 1, 1, 1, 1], number)
        grid = np.full((4, 4), number, np.uint8)
        arrays = {
            "features": features.astype(np.float32),
            "probabilities": np.random.default_rng(number).dirichlet(np.ones(K), 2 * N).astype(np.float32),
            "grid_classes": grid,
            "grid_confidence": grid,
            "grid_domain": grid,
        }
        measures = {"domain_auc": 0.5, "domain_auc_low": 0.4, "domain_auc_high": 0.6, "target_accuracy": 0.5}
        record.add({"phase": "adapt", "number": number, "measures": measures}, arrays)


def published(name: str, **more) -> tuple[str, MapData]:
    """A map that belongs to no run, and where its canvas finds it."""
    data = MapData(
        identity=name,
        version=name,
        epochs=(0,),
        positions=np.random.default_rng(0).uniform(-1, 1, (1, 4, 2)).astype(np.float32),
        domain=np.array([0, 0, 1, 1], np.uint8),
        labels=np.array([0, 1, 0, -1], np.int16),
        predictions=np.zeros((1, 4), np.int16),
        confidence=np.zeros((1, 4), np.float32),
        class_names=("a", "b"),
        titles=("raw inputs",),
        captions=("",),
        centres=np.zeros((1, 2, 2, 2), np.float32),
        outlines=(((), ()),),
        judged=False,
        **more,
    )
    return f"/map/{routes.publish(data)}", data


def refused(path: str, query: str = "") -> str:
    """The words in which a request is refused."""
    answer = get(path, query)
    assert answer.status == 404
    assert answer.headers["cache-control"] == "no-store"
    return answer.json["message"]


@pytest.mark.parametrize("kind", ["pca", "discriminant"])
def test_a_map_is_what_is_packed_of_it(make, kind):
    record = make("rows")
    add(record, 0, 1, 2)
    answer = get(f"/map/{routes.address_of(record, kind)}")
    assert answer.status == 200
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.body == pack(run_map.run_map(record, kind), 0, None, f"map/run/{record.id}/samples")


def test_a_blind_map_knows_no_target_class(make):
    record = make("rows")
    add(record, 0, 1)
    open_one, blind = (get(f"/map/{routes.address_of(r, 'pca')}") for r in (record, Blind(record.folder)))
    assert blind.status == 200
    hidden = run_map.run_map(Blind(record.folder), "pca")
    assert (hidden.labels[N:] == -1).all()
    assert (hidden.labels[:N] >= 0).all()
    assert blind.body == pack(hidden, 0, None, f"map/run/{record.id}-blind/samples")
    assert open_one.header["identity"] != blind.header["identity"]  # or a browser would keep the labels that it holds
    assert "target accuracy" not in json.dumps(blind.header)


def test_a_browser_gets_the_epochs_that_it_does_not_hold(make):
    record = make("rows")
    address = f"/map/{routes.address_of(record, 'pca')}"
    add(record, 0, 1)
    first = get(address).header
    assert (first["since"], first["epochs"]) == (0, [0, 1])
    add(record, 2, 3)
    rest = get(address, f"since=2&identity={first['identity']}")
    assert rest.body == pack(run_map.run_map(record, "pca"), 2, None, f"map/run/{record.id}/samples")
    assert (rest.header["since"], rest.header["epochs"], rest.header["identity"]) == (2, [2, 3], first["identity"])
    assert get(address, f"since=4&identity={first['identity']}").header["epochs"] == []


@pytest.mark.parametrize(
    "query", ["since=1", "since=1&identity=another", "since={beyond}", "since=-1", "since=%C2%B2", "since=1e1", "since=99999999999"]
)
def test_whoever_holds_another_map_gets_everything(make, query):
    record = make("rows")
    address = f"/map/{routes.address_of(record, 'pca')}"
    add(record, 0, 1)
    if "identity" not in query and query != "since=1":
        query = query.format(beyond=3) + "&identity=" + get(address).header["identity"]
    got = get(address, query).header
    assert (got["since"], got["epochs"]) == (0, [0, 1])


def test_a_finished_run_is_another_map(make):
    record = make("rows")
    address = f"/map/{routes.address_of(record, 'pca')}"
    add(record, 0, 1)
    live = get(address).header["identity"]
    record.update(state="finished")
    got = get(address, f"since=2&identity={live}").header
    assert (got["since"], got["epochs"]) == (0, [0, 1])
    assert got["identity"] != live


def test_a_map_appears_with_its_first_epoch(make):
    record = make("rows")
    address = f"/map/{routes.address_of(record, 'pca')}"
    assert refused(address) == "This map is not ready yet. It appears as soon as its first epoch is finished."
    add(record, 0)
    assert get(address).header["epochs"] == [0]


def test_a_umap_appears_when_it_is_stored(make):
    record = make("rows")
    add(record, 0)
    record.update(state="finished")
    address = f"/map/{routes.address_of(record, 'umap')}"
    assert "not ready yet" in refused(address)
    record.write_map("umap", {"epochs": np.array([0]), "positions": np.zeros((1, 2 * N, 2), np.float32)})
    assert get(address).header["epochs"] == [0]


def test_a_map_of_a_plane_has_its_ground(make):
    record = make("plane")
    add(record, 0, 1)
    assert get(f"/map/{routes.address_of(record, 'inputs')}").header["grid"] == 4


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/map/run/000000000000/pca", "Launch its experiment again"),
        ("/map/run/nonsense/pca", "An id has 12 characters"),
        ("/map/run/..%2f..%2fetc/pca", "An id has 12 characters"),
        ("/map/run/000000000000/samples", "Launch its experiment again"),
        ("/map/run/000000000000/pca/quality", "Launch its experiment again"),
        ("/map/run/000000000000/pca/script.py", "Launch its experiment again"),
        ("/map/run/000000000000/tsne", "Choose one of: pca, umap, discriminant, inputs."),
        ("/map/run/000000000000/tsne/quality", "Choose one of"),
        ("/map/run/000000000000/tsne/script.py", "Choose one of"),
        ("/map/data/0123456789abcdef/map", "Reload the page."),
        ("/map/data/0123456789abcdef/samples", "Reload the page."),
    ],
)
def test_what_is_not_there_is_said_with_a_way_out(make, path, words):
    assert words in refused(path)


@pytest.mark.parametrize("part", ["", "/quality", "/script.py"])
def test_a_map_of_inputs_that_are_no_plane_is_refused_in_words(make, part):
    record = make("pictures")
    add(record, 0)
    assert refused(f"/map/run/{record.id}/inputs{part}", "epochs=0")


def test_samples_of_a_run_are_pictures(make):
    record = make("pictures")
    add(record, 0)
    sheet = get(f"/map/{routes.address_of(record, 'pca')}").header["sheet"]
    assert (sheet["width"], sheet["height"]) == (4, 5)
    place, digest = sheet["url"].split("?")
    assert place == f"map/run/{record.id}/samples"
    assert digest
    answer = get(f"/{place}", digest)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/png")
    assert "immutable" in answer.headers["cache-control"]
    image = np.asarray(Image.open(io.BytesIO(answer.body)))
    for i in (0, 7, 2 * N - 1):
        y, x = 5 * (i // sheet["columns"]), 4 * (i % sheet["columns"])
        np.testing.assert_array_equal(image[y : y + 5, x : x + 4], record.samples()["pictures"][i])
    other = make("pictures")
    add(other, 0)
    assert get(f"/map/{routes.address_of(other, 'pca')}").header["sheet"]["url"].split("?")[1] != digest


def test_samples_of_a_run_are_rows(make):
    record = make("rows")
    assert "Reload the page." in refused(f"/map/run/{record.id}/samples")
    add(record, 0)
    header = get(f"/map/{routes.address_of(record, 'pca')}").header
    assert header["sheet"] is None
    answer = get(f"/{header['rows']}")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/octet-stream")
    np.testing.assert_array_equal(np.frombuffer(answer.body, "<f4").reshape(2 * N, 3), record.samples()["rows"])


def test_a_map_without_a_run():
    rows = np.arange(8, dtype=np.float32).reshape(4, 2)
    address, data = published("question-rows", rows=rows)
    header = get(address, "since=1&identity=question-rows").header
    assert (header["since"], header["n"], header["judged"]) == (0, 4, False)
    np.testing.assert_array_equal(np.frombuffer(get(f"/{header['rows']}").body, "<f4").reshape(4, 2), rows)
    assert get(address).body == pack(data, 0, None, header["rows"])
    address, _ = published("question-pictures", pictures=np.arange(16, dtype=np.uint8).reshape(4, 2, 2))
    header = get(address).header
    assert header["rows"] is None
    assert Image.open(io.BytesIO(get(*("/" + header["sheet"]["url"]).split("?")).body)).size == (4, 4)
    assert "rows" in get(published("question-bare")[0]).header


def test_another_version_is_published_beside_the_first():
    address, data = published("question-1")
    other = f"/map/{routes.publish(replace(data, identity='question-2', version='question-2'))}"
    assert address != other
    assert published("question-1")[0] == address
    assert [get(a).header["version"] for a in (address, other)] == ["question-1", "question-2"]


def test_the_oldest_published_map_is_forgotten(monkeypatch):
    monkeypatch.setattr(routes, "PUBLISHED", Cache("published in this test", entries=3))
    addresses = [published(f"many-{i}")[0] for i in range(3)]
    published("many-0")  # looked at again: now the youngest
    addresses.append(published("many-3")[0])
    assert [get(address).status for address in addresses] == [200, 404, 200, 200]
    assert refused(addresses[1]) == "The server no longer holds this map. Reload the page."


def test_quality_is_told_by_epoch(make):
    record = make("rows")
    add(record, 0, 1, 2)
    answer = get(f"/map/run/{record.id}/pca/quality", "epochs=0,2,9")
    assert answer.status == 200
    assert set(answer.json) == {"0", "2"}
    found = run_map.quality(record, "pca", [0, 2])
    assert answer.json == json.loads(json.dumps({str(k): v for k, v in found.items()}))
    assert get(f"/map/run/{record.id}/pca/quality").json == {}


@pytest.mark.parametrize("epochs", ["x", "-1", "1.5", ",", "%C2%B2", "99999999999", "0;1"])
def test_epochs_that_make_no_sense_have_no_quality(make, epochs):
    record = make("rows")
    add(record, 0, 1)
    answer = get(f"/map/run/{record.id}/pca/quality", f"epochs={epochs}")
    assert (answer.status, answer.json) == (200, {})


def test_few_epochs_are_judged_at_once(make, monkeypatch):
    monkeypatch.setattr(routes, "ASKED", 2)
    record = make("rows")
    add(record, 0, 1, 2)
    assert set(get(f"/map/run/{record.id}/pca/quality", "epochs=2,1,0").json) == {"2", "1"}


@pytest.mark.parametrize("kind", ["pca", "discriminant", "umap"])
def test_the_program_is_a_file_to_keep(make, kind):
    record = make("rows")
    add(record, 0, 1)
    record.write_map("umap", {"epochs": np.array([0, 1]), "positions": np.zeros((2, 2 * N, 2), np.float32)})
    answer = get(f"/map/run/{record.id}/{kind}/script.py", "epoch=1")
    assert answer.status == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="shiftscope-{record.id}-{kind}.py"'
    compile(answer.body.decode(), "program", "exec")
    assert "shown = [0, 1]" in answer.body.decode()


@pytest.mark.parametrize("query", ["epoch=7", "epoch=x", ""])
def test_a_program_never_asks_for_an_epoch_that_is_not_shown(make, query):
    record = make("rows")
    add(record, 0, 1)
    answer = get(f"/map/run/{record.id}/pca/script.py", query)
    assert answer.status == 404 or "shown = [0]" in answer.body.decode()


def test_there_is_no_program_for_a_map_that_is_not_there(make):
    record = make("rows")
    assert refused(f"/map/run/{record.id}/pca/script.py")
    add(record, 0)
    assert refused(f"/map/run/{record.id}/umap/script.py")


def test_scripts_are_served_under_their_version():
    for name, text in embedding.modules().items():
        answer = get(f"/embedding/{embedding.VERSION}/{name}")
        assert (answer.status, answer.body) == (200, text)
        assert answer.headers["content-type"].startswith("text/javascript")
        assert "immutable" in answer.headers["cache-control"]
    for path in (
        f"/embedding/{embedding.VERSION}/nothing.js",
        "/embedding/0123456789abcdef/element.js",
        f"/embedding/{embedding.VERSION}/..%2fpulse.js",
    ):
        answer = get(path)
        assert answer.status == 404
        assert b"Reload the page" in answer.body
        assert answer.headers["cache-control"] == "no-store"


def test_what_compiles_shaders_is_loaded_first():
    order = embedding.loading_order("webgl-pool.js")
    assert order[:2] == ["webgl-pool.js", "webgl.js"]
    assert sorted(order) == sorted(embedding.modules())
    assert order.index("glprogram.js") < order.index("view.js") < order.index("element.js")
