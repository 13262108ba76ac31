"""What the server store sends and receives, with httpx.MockTransport in place of a server."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import httpx
import numpy as np
import pytest

from functions.gallery.deadline import time_limit
from functions.gallery.errors import (
    ImageNotFound,
    ModelMismatch,
    OtherOriginals,
    SettingsError,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreNotReached,
    StoreRejected,
    StoreTimeout,
    StoreUnavailable,
)
from functions.gallery.records import (
    Collection,
    CollectionSpec,
    Distance,
    Quantization,
    Query,
)
from functions.gallery.stores.collection_info import describe
from functions.gallery.stores.ownership import Owner
from functions.gallery.stores.payload import indexed_fields, write_payload
from functions.gallery.stores.server.collections import Placement, QdrantCollections
from functions.gallery.stores.server.connection import QdrantConnection
from functions.gallery.stores.server.retry import Retry
from functions.gallery.stores.server.store import QdrantStore
from tests.contract.stores import an_image, random_units, unit
from tests.contract.wire_traffic import uncompressed

SPEC = CollectionSpec(model="test@1", dims=4)
EAST = unit([1.0, 0, 0, 0])

Responder = Callable[[httpx.Request], httpx.Response]


def result(value: object) -> httpx.Response:
    return httpx.Response(200, json={"result": value, "status": "ok", "time": 0.001})


def refusal(status: int, message: str = "no", **headers: str) -> httpx.Response:
    body = {"status": {"error": message}, "time": 0.001}
    return httpx.Response(status, json=body, headers=headers)


def aliases(**named: str) -> httpx.Response:
    """Return a server's response with these aliases."""
    entries = [{"alias_name": alias, "collection_name": name} for alias, name in named.items()]
    return result({"aliases": entries})


ALIAS_IN_USE = aliases(lookalike="lookalike--test-1--4--schema-4")


def collection(
    spec: CollectionSpec = SPEC, *, indexed: bool = True, **info: object
) -> httpx.Response:
    """Return a server's response with the collection of this spec."""
    indexes = indexed_fields(spec) if indexed else {}
    vectors = {"image": {"size": spec.dims, "distance": spec.distance.value.capitalize()}}
    return result(
        {
            "status": "green",
            "optimizer_status": "ok",
            "segments_count": 1,
            "points_count": 0,
            "payload_schema": {k: {"data_type": t, "points": 0} for k, t in indexes.items()},
            "config": {
                "params": {"vectors": vectors},
                "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000},
                "optimizer_config": {
                    "deleted_threshold": 0.2,
                    "vacuum_min_vector_number": 1_000,
                    "default_segment_number": 0,
                    "flush_interval_sec": 5,
                },
                "metadata": describe(Collection(spec.name, spec)) | info,
            },
        }
    )


def version_of(version: str) -> httpx.Response:
    return httpx.Response(200, json={"title": "qdrant", "version": version})


VERSION = version_of("1.18.3")


@dataclass
class Server:
    """A server that returns the given responses in order, and the last one forever."""

    responses: list[Responder | httpx.Response] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    now: float = 0.0

    def respond(self, request: httpx.Request) -> httpx.Response:
        request = uncompressed(request)
        self.requests.append(request)
        response = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        return response(request) if callable(response) else response

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def connect(self, url: str = "https://qdrant.test", **retry: float) -> QdrantStore:
        return QdrantStore.open(self.collections(url, **retry), SPEC)

    def collections(
        self,
        url: str = "https://qdrant.test",
        key: str | None = "secret-key",
        gallery: str = "lookalike",
        **retry: float,
    ) -> QdrantCollections:
        connection = QdrantConnection.to(
            url,
            key,
            retry=Retry(sleep=self.sleep, clock=lambda: self.now, jitter=lambda: 0.5, **retry),
            transport=httpx.MockTransport(self.respond),
        )
        return QdrantCollections(connection, gallery)


@pytest.fixture
def server():
    return Server([ALIAS_IN_USE, collection()])


@pytest.fixture
def store(server):
    store = server.connect()
    server.requests.clear()
    yield store
    store.close()


def raising(problem: type[httpx.TransportError]) -> Responder:
    def respond(request: httpx.Request) -> httpx.Response:
        raise problem("it broke", request=request)

    return respond


def paths(server):
    return [f"{request.method} {request.url.path}" for request in server.requests]


PERMANENT = {  # responses that a retry would not change
    "400": (refusal(400, "Index required but not found for width"), StoreRejected),
    "401": (refusal(401), StoreDenied),
    "403": (refusal(403), StoreDenied),
    "404": (refusal(404, "Not found: Collection `lookalike` doesn't exist!"), StoreRejected),
    "500-full": (refusal(500, "No space left on device"), StoreFull),
    "507": (refusal(507), StoreFull),
    "html": (httpx.Response(200, html="<h1>Welcome</h1>"), StoreRejected),
    "shape": (httpx.Response(200, json={"result": {"count": "many"}}), StoreRejected),
}
TEMPORARY = {
    "408": (refusal(408), StoreTimeout),
    "429": (refusal(429), StoreUnavailable),
    "500": (refusal(500), StoreUnavailable),
    "502": (httpx.Response(502, html="<h1>Bad gateway</h1>"), StoreUnavailable),
    "503": (refusal(503), StoreUnavailable),
    "504": (httpx.Response(504), StoreTimeout),
    "refused": (raising(httpx.ConnectError), StoreNotReached),
    "dropped": (raising(httpx.RemoteProtocolError), StoreUnavailable),
    "connect-timeout": (raising(httpx.ConnectTimeout), StoreTimeout),
    "read-timeout": (raising(httpx.ReadTimeout), StoreTimeout),
}


@pytest.mark.parametrize(("response", "error"), PERMANENT.values(), ids=PERMANENT.keys())
def test_a_permanent_error_is_raised_at_once(server, store, response, error):
    server.responses = [response]

    with pytest.raises(StoreError) as caught:
        store.count()

    assert type(caught.value) is error
    assert caught.value.__cause__ is not None
    assert not caught.value.retryable
    assert len(server.requests) == 1
    assert server.pauses == []


@pytest.mark.parametrize(("response", "error"), TEMPORARY.values(), ids=TEMPORARY.keys())
def test_a_temporary_error_is_retried_and_then_raised(server, store, response, error):
    server.responses = [response]

    with pytest.raises(StoreError) as caught:
        store.count()

    assert type(caught.value) is error
    assert caught.value.__cause__ is not None
    assert caught.value.retryable
    assert len(server.requests) == 4
    assert server.pauses == pytest.approx([0.1, 0.2, 0.4])  # half of 0.2, 0.4, 0.8


@pytest.mark.parametrize(("response", "error"), TEMPORARY.values(), ids=TEMPORARY.keys())
def test_a_call_succeeds_after_one_temporary_error(server, store, response, error):
    server.responses = [response, result({"count": 7})]

    assert store.count() == 7


def test_the_pause_requested_by_the_server_is_kept(server, store):
    server.responses = [refusal(429, **{"retry-after": "3"}), result({"count": 7})]

    assert store.count() == 7

    assert server.pauses == pytest.approx([3.1])


def test_a_pause_longer_than_the_deadline_is_left_to_the_caller(server, store):
    server.responses = [refusal(429, **{"retry-after": "60"})]

    with pytest.raises(StoreUnavailable) as caught:
        store.count()

    assert caught.value.retry_after == 60
    assert server.pauses == []


def test_a_pause_given_as_a_date_is_ignored(server, store):
    server.responses = [
        refusal(429, **{"retry-after": "Fri, 21 Nov 2025 08:00:00 GMT"}),
        result({"count": 7}),
    ]

    assert store.count() == 7


def test_a_store_that_was_reached_once_counts_as_reached(server, store):
    server.responses = [refusal(503), raising(httpx.ConnectError)]

    with pytest.raises(StoreUnavailable) as caught:
        store.count()

    assert type(caught.value) is StoreUnavailable


def test_no_retry_is_started_after_the_deadline(server):
    store = server.connect(tries=100, deadline_s=2.0)
    server.requests.clear()
    server.responses = [refusal(503)]

    with pytest.raises(StoreUnavailable):
        store.count()

    assert sum(server.pauses) <= 2.0
    assert len(server.requests) == len(server.pauses) + 1 == 5
    store.close()


AWAY = {
    "refused": raising(httpx.ConnectError),
    "swallowed": raising(httpx.ConnectTimeout),
    "starting": refusal(503),
    "bad-gateway": refusal(502),
}


@pytest.mark.parametrize("response", AWAY.values(), ids=AWAY.keys())
def test_patient_work_waits_minutes_for_a_server_that_went_away(server, response, caplog):
    store = server.connect(away_s=300.0)
    server.responses = [*[response] * 100, result({"count": 7})]

    assert store.count() == 7

    assert 90 < sum(server.pauses) < 100
    said = [message for message in caplog.messages if "Waiting" in message]
    assert said == ["Waiting up to 5 minutes for Qdrant"]
    assert len(caplog.messages) == 2  # and why, once
    store.close()


def test_patient_work_gives_up_after_five_minutes(server):
    store = server.connect(away_s=300.0)
    server.responses = [raising(httpx.ConnectError)]

    with pytest.raises(StoreNotReached):
        store.count()

    assert 295 < sum(server.pauses) <= 300
    store.close()


def test_patient_work_does_not_wait_for_a_server_that_was_never_there(server):
    server.responses = [raising(httpx.ConnectError)]

    with pytest.raises(StoreNotReached):
        server.connect(away_s=300.0)

    assert len(server.requests) == 4


def test_patient_work_does_not_repeat_for_minutes_what_is_too_slow(server):
    store = server.connect(away_s=300.0)
    server.requests.clear()
    server.responses = [raising(httpx.ReadTimeout)]

    with pytest.raises(StoreTimeout):
        store.count()

    assert len(server.requests) == 4
    store.close()


def test_no_retry_is_started_that_would_end_after_the_call(server, store):
    server.responses = [refusal(503)]

    with time_limit(0.15), pytest.raises(StoreUnavailable):
        store.count()

    assert server.pauses == pytest.approx([0.1])  # the next one would take 0.2 s


def test_a_request_waits_only_as_long_as_the_call_at_every_stage(server, store):
    waits = []

    def respond(request):
        waits.append([request.extensions["timeout"].get(stage) for stage in ("connect", "read")])
        return result({"count": 7})

    server.responses = [respond]
    store.count()
    with time_limit(2):
        store.count()

    (alone, after_connecting), in_a_call = waits
    assert 4 < after_connecting < alone <= 5
    assert max(in_a_call) <= 2


def test_once_the_time_of_a_call_is_over_nothing_is_sent(server, store):
    with time_limit(0), pytest.raises(StoreNotReached, match="try again"):
        store.count()

    assert server.requests == []


def test_the_key_is_in_every_request_and_the_version_is_not_requested(server):
    store = server.connect()

    store.check()

    name = "/collections/lookalike--test-1--4--schema-4"
    assert paths(server) == ["GET /aliases", f"GET {name}", f"GET {name}"]
    assert {request.headers["api-key"] for request in server.requests} == {"secret-key"}
    store.close()


@pytest.mark.parametrize(
    ("url", "reached"),
    [
        ("https://xyz.cloud.qdrant.io", "https://xyz.cloud.qdrant.io"),
        ("https://xyz.qdrant.io:6333", "https://xyz.qdrant.io:6333"),
        ("https://proxy.test/qdrant", "https://proxy.test/qdrant"),
    ],
)
def test_a_hosted_address_is_reached_with_or_without_a_port(server, url, reached):
    server.connect(url).close()

    assert [str(request.url) for request in server.requests] == [
        f"{reached}/aliases",
        f"{reached}/collections/lookalike--test-1--4--schema-4",
    ]


def test_a_self_hosted_server_is_reached_at_the_default_port(server):
    QdrantStore.open(server.collections("http://qdrant.test", None), SPEC).close()

    assert str(server.requests[0].url) == "http://qdrant.test:6333/aliases"


def test_an_invalid_address_is_a_settings_error(server):
    with pytest.raises(SettingsError, match="QDRANT_URL"):
        server.connect("ftp://qdrant.test")


def test_a_new_server_gets_collection_indexes_and_alias_before_the_first_write(server):
    missing = refusal(404, "Not found: Collection `lookalike--test-1--4--schema-4` doesn't exist!")
    indexed = result({"operation_id": 1, "status": "completed"})
    server.responses = [aliases(), missing, VERSION, result(True), collection(indexed=False)]
    server.responses += [*[indexed] * len(indexed_fields(SPEC)), result(True)]

    server.connect().close()

    name = "/collections/lookalike--test-1--4--schema-4"
    sent = paths(server)
    assert sent[:5] == ["GET /aliases", f"GET {name}", "GET /", f"PUT {name}", f"GET {name}"]
    assert set(sent[5:-1]) == {f"PUT {name}/index"}
    assert sent[-1] == "POST /collections/aliases"
    created = json.loads(server.requests[3].content)
    assert created["vectors"]["hash"]["hnsw_config"] == {"m": 0}  # no graph: exact
    assert created["metadata"] == {
        "model": "test@1",
        "dims": 4,
        "distance": "cosine",
        "quantization": "turbo4",
        "schema": 4,
        "filling": False,
        "replaces": None,
        "originals": "",
    }
    indexes = [json.loads(request.content) for request in server.requests[5:-1]]
    assert {i["field_name"]: i["field_schema"] for i in indexes} == {
        key: {"type": kind, "on_disk": True} for key, kind in indexed_fields(SPEC).items()
    }


class Ours:
    """Originals that are all there."""

    bucket = "test"

    def exists(self, name: str) -> bool:
        return True


OURS = Owner("s3:test", Ours())


def test_a_new_server_that_others_create_the_collection_on_first_is_left_to_them(server):
    missing = refusal(404, "Not found: Collection `lookalike--test-1--4--schema-4` doesn't exist!")
    exists = refusal(409, "Wrong input: Collection already exists!")
    theirs = collection(indexed=False, originals="s3:theirs")
    server.responses = [aliases(), missing, VERSION, exists, theirs]

    with pytest.raises(OtherOriginals, match="s3:theirs"):
        QdrantStore.open(server.collections(), SPEC, OURS)

    assert [r.method for r in server.requests].count("PUT") == 1  # no index, no alias


def test_a_collection_of_schema_2_gets_an_owner_but_is_only_reindexed(server):
    old, owned = collection(schema=2), collection(schema=2, originals="s3:test")
    record = {"id": an_image("a").id, "payload": write_payload(an_image("a"))}
    sample = result({"points": [record], "next_page_offset": None})
    missing = refusal(404, f"Not found: Collection `{SPEC.name}` doesn't exist!")
    server.responses = [ALIAS_IN_USE, old, sample, old, result(True), owned, missing]

    with pytest.raises(ModelMismatch, match=r"schema 2 .*needs 4\. Run scripts/reindex"):
        QdrantStore.open(server.collections(), SPEC, OURS)

    name = f"/collections/{SPEC.name}"
    sent = paths(server)
    assert sent[2:4] == [f"POST {name}/points/scroll", f"GET {name}"]
    assert sent[4:] == [f"PATCH {name}", f"GET {name}", f"GET {name}"]
    written = json.loads(server.requests[4].content)["metadata"]
    assert (written["schema"], written["originals"]) == (2, "s3:test")


def test_an_old_collection_that_others_take_over_meanwhile_is_left_to_them(server):
    sample = result({"points": [], "next_page_offset": None})
    theirs = collection(originals="s3:theirs")
    server.responses = [ALIAS_IN_USE, collection(schema=2), sample, theirs]

    with pytest.raises(OtherOriginals, match="s3:theirs"):
        QdrantStore.open(server.collections(), SPEC, OURS)

    assert "PATCH" not in {request.method for request in server.requests}


def test_a_new_server_that_keeps_no_descriptions_is_refused_at_once(server):
    missing = refusal(404, "Not found: Collection `lookalike--test-1--4--schema-4` doesn't exist!")
    response = json.loads(collection().content)
    del response["result"]["config"]["metadata"]
    server.responses = [
        aliases(),
        missing,
        VERSION,
        result(True),
        httpx.Response(200, json=response),
    ]

    with pytest.raises(ModelMismatch, match=r"1\.16"):
        QdrantStore.open(server.collections(), SPEC, OURS)


def test_a_collection_of_schema_1_is_refused(server):
    server.responses = [ALIAS_IN_USE, collection(schema=1)]

    with pytest.raises(ModelMismatch, match="schema 1"):
        server.connect()


def test_a_gallery_has_its_own_alias_and_collections(server):
    shop = replace(SPEC, gallery="shop")
    server.responses = [aliases(lookalike=SPEC.name, shop=shop.name), collection(shop)]

    QdrantStore.open(server.collections(gallery="shop"), shop).close()

    assert paths(server) == ["GET /aliases", "GET /collections/shop--test-1--4--schema-4"]


def test_creating_a_collection_again_adds_the_indexes_missing_after_a_kill(server):
    indexed = result({"operation_id": 1, "status": "completed"})
    server.responses = [collection(indexed=False, filling=True)]
    server.responses += [indexed] * len(indexed_fields(SPEC))

    server.collections().create(Collection(SPEC.name, SPEC, filling=True))

    indexes = [json.loads(request.content) for request in server.requests[1:]]
    assert {i["field_name"]: i["field_schema"] for i in indexes} == {
        key: {"type": kind, "on_disk": True} for key, kind in indexed_fields(SPEC).items()
    }


@pytest.mark.parametrize(
    ("version", "asked", "made"),
    [
        ("1.18.3", None, {"turbo": {"always_ram": True, "bits": "bits4"}}),
        ("1.20.0-dev", "turbo4", {"turbo": {"always_ram": True, "bits": "bits4"}}),
        ("1.17.9", None, {"scalar": {"type": "int8", "quantile": 0.99, "always_ram": True}}),
        ("1.18.3", "int8", {"scalar": {"type": "int8", "quantile": 0.99, "always_ram": True}}),
        ("1.18.3", "none", None),
        ("unknown", None, {"scalar": {"type": "int8", "quantile": 0.99, "always_ram": True}}),
    ],
)
def test_a_new_collection_is_quantized_as_asked_or_as_the_server_can(server, version, asked, made):
    spec = replace(SPEC, quantization=asked and Quantization(asked))
    missing = refusal(404, f"Not found: Collection `{spec.name}` doesn't exist!")
    server.responses = [aliases(), missing, version_of(version), result(True)]
    server.responses += [collection(spec), result(True)]

    QdrantStore.open(server.collections(), spec).close()

    vectors = json.loads(server.requests[3].content)["vectors"]["image"]
    assert vectors.get("quantization_config") == made
    assert vectors.get("on_disk", False) is (made is not None)


def test_four_bits_are_refused_on_a_server_that_lacks_them(server):
    spec = replace(SPEC, quantization=Quantization.TURBO4)
    missing = refusal(404, f"Not found: Collection `{spec.name}` doesn't exist!")
    server.responses = [aliases(), missing, version_of("1.17.1")]

    with pytest.raises(SettingsError, match=r"1\.18.*1\.17\.1.*use int8"):
        QdrantStore.open(server.collections(), spec)

    assert {request.method for request in server.requests} == {"GET"}


def test_a_collection_quantized_in_qdrant_by_an_earlier_version_is_read_as_it_is(server):
    response = json.loads(collection(quantization=None).content)
    kept = {"scalar": {"type": "int8", "always_ram": True}}
    response["result"]["config"]["params"]["vectors"]["image"]["quantization_config"] = kept
    server.responses = [httpx.Response(200, json=response)]

    found = server.collections().read(SPEC.name)

    assert found.spec.quantization is Quantization.INT8


@pytest.mark.parametrize(
    ("status", "optimizer", "state"),
    [
        ("green", "ok", "ready"),
        ("yellow", "ok", "building"),
        ("grey", "ok", "missing"),
        ("yellow", {"error": "Not enough space available for optimization"}, "missing"),
    ],
)
def test_a_check_reports_whether_the_index_is_built(server, store, status, optimizer, state):
    response = json.loads(collection().content)
    response["result"] |= {"status": status, "optimizer_status": optimizer}
    server.responses = [httpx.Response(200, json=response)]

    assert store.check() == state


def test_the_images_outside_the_index_are_counted_by_both_of_their_vectors(server, store):
    response = json.loads(collection().content)
    response["result"] |= {"points_count": 100, "indexed_vectors_count": 90}
    server.responses = [httpx.Response(200, json=response), result({"count": 80})]

    assert store.unindexed() == 50


def test_a_new_collection_gets_the_copies_and_shards_of_the_settings(server):
    missing = refusal(404, "Not found: Collection `lookalike--test-1--4--schema-4` doesn't exist!")
    server.responses = [aliases(), missing, VERSION, result(True), collection(), result(True)]
    connection = server.collections().connection

    QdrantStore.open(QdrantCollections(connection, placement=Placement(2, 6)), SPEC).close()

    created = json.loads(server.requests[3].content)
    assert (created["replication_factor"], created["shard_number"]) == (2, 6)


def test_a_collection_that_another_process_just_created_is_used(server):
    missing = refusal(404, "Not found: Collection `lookalike--test-1--4--schema-4` doesn't exist!")
    exists = refusal(409, "Wrong input: Collection already exists!")
    server.responses = [
        aliases(),
        missing,
        VERSION,
        exists,
        collection(),
        collection(),
        result(True),
    ]
    server.responses += [collection()]

    store = server.connect()

    store.check()
    store.close()


def test_a_collection_of_another_model_is_refused_and_nothing_is_written(server):
    missing = refusal(404, "Not found: Collection `lookalike--test-1--4--schema-4` doesn't exist!")
    other = CollectionSpec("other@1", 4)
    server.responses = [aliases(lookalike=other.name), collection(other), missing]

    with pytest.raises(ModelMismatch, match="scripts/reindex.*LOOKALIKE_MODEL"):
        server.connect()

    assert {request.method for request in server.requests} == {"GET"}


def test_after_a_swap_the_old_settings_still_use_the_old_collection(server):
    new = CollectionSpec("new@1", 8)
    swapped = collection(new, replaces=SPEC.name)
    server.responses = [aliases(lookalike=new.name), swapped, collection()]
    store = server.connect()
    server.responses = [result({"count": 7})]

    store.count()

    assert paths(server)[-1] == "POST /collections/lookalike--test-1--4--schema-4/points/count"
    store.close()


def test_a_swap_does_not_affect_a_running_process(server, store):
    server.responses = [aliases(lookalike="another"), result({"count": 7})]
    server.collections().current()

    store.count()

    assert paths(server)[-1] == "POST /collections/lookalike--test-1--4--schema-4/points/count"


def test_a_collection_that_is_being_filled_is_not_opened(server):
    old = CollectionSpec("old@1", 4)
    server.responses = [aliases(lookalike=old.name), collection(old), collection(filling=True)]

    with pytest.raises(ModelMismatch, match="scripts/reindex"):
        server.connect()


def test_a_swap_moves_the_alias_in_one_request(server):
    server.responses = [ALIAS_IN_USE, result(True)]

    server.collections().use("lookalike--test-1--2--schema-4")

    assert paths(server) == ["GET /aliases", "POST /collections/aliases"]
    assert json.loads(server.requests[1].content)["actions"] == [
        {"delete_alias": {"alias_name": "lookalike"}},
        {
            "create_alias": {
                "alias_name": "lookalike",
                "collection_name": "lookalike--test-1--2--schema-4",
            }
        },
    ]


def test_a_server_that_stores_no_collection_metadata_is_refused(server):
    server.responses = [result(True), collection(filling=True)]
    whole = Collection(SPEC.name, SPEC, replaces="old")

    with pytest.raises(StoreRejected, match=r"1\.16"):
        server.collections().mark(whole)

    written = json.loads(server.requests[0].content)["metadata"]
    assert paths(server)[0] == "PATCH /collections/lookalike--test-1--4--schema-4"
    assert (written["filling"], written["replaces"]) == (False, "old")


def test_a_wrong_key_is_reported_at_the_start(server):
    server.responses = [refusal(403, "forbidden")]

    with pytest.raises(StoreDenied, match="QDRANT_API_KEY"):
        server.connect()


def test_an_unknown_image_is_not_a_missing_collection(server, store):
    target = an_image("a").id
    server.responses = [refusal(404, f"Not found: No point with id {target} found")]

    with pytest.raises(ImageNotFound):
        store.search(Query(target, without=(target,)))


def test_a_search_by_id_without_the_image_itself_is_one_request(server, store):
    target = an_image("a").id
    server.responses = [result([{"points": []}])]

    store.search(Query(target, without=(target,)))

    assert paths(server) == ["POST /collections/lookalike--test-1--4--schema-4/points/query/batch"]
    assert json.loads(server.requests[0].content)["searches"][0]["query"]["nearest"] == target


def test_a_search_by_id_brings_the_images_found_and_its_own_in_one_request(server, store):
    own, other = an_image("a"), an_image("b")
    found = {"id": other.id, "version": 1, "score": 0.9, "payload": write_payload(other)}
    itself = {"id": own.id, "version": 1, "score": 1.0, "payload": write_payload(own)}
    server.responses = [result([{"points": [found]}, {"points": [itself]}])]

    image, matches = store.similar(Query(own.id, without=(own.id,)))

    assert len(server.requests) == 1
    assert (image, [match.image for match in matches]) == (own, [other])


def test_a_search_that_finds_few_is_one_request(server, store):
    found = {"id": an_image("b").id, "version": 1, "score": 0.9}
    found["payload"] = write_payload(an_image("b"))
    server.responses = [result([{"points": [found]}])]

    [match] = store.search(Query(EAST[0]))

    assert match.image == an_image("b")
    assert len(server.requests) == 1


def test_the_response_is_not_compressed(server, store):
    server.responses = [result({"count": 7})]

    store.count()

    assert server.requests[0].headers["accept-encoding"] == "identity"


def test_a_vector_is_sent_compressed_and_a_short_request_as_it_is():
    sent = []

    def respond(request):
        sent.append(request)
        return result([{"points": []}]) if "query" in request.url.path else result({"count": 0})

    connection = QdrantConnection.to(
        "http://localhost", "k", transport=httpx.MockTransport(respond)
    )
    spec = replace(SPEC, dims=1_280)
    store = QdrantStore(QdrantCollections(connection), Collection(spec.name, spec))
    store.search(Query(random_units(1, 1_280)[0]))
    store.count()

    (search, count) = sent
    assert search.headers["content-encoding"] == "gzip"
    assert int(search.headers["content-length"]) == len(search.content) < 6_500
    assert (
        len(json.loads(gzip.decompress(search.content))["searches"][0]["query"]["nearest"]) == 1_280
    )
    assert "content-encoding" not in count.headers


def graph_search(body):
    """Find as HNSW does: at each depth another image is missed near the front, or none."""
    params = body["params"]
    rescored = int(body["limit"] * params["quantization"]["oversampling"])
    missed = {(256, 128): 7, (512, 512): 5, (2_048, 2_048): 3}.get((params["hnsw_ef"], rescored))
    ids = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(4_000) if n != missed]
    hits = [{"id": id_, "version": 1, "score": 1 - n / 10_000} for n, id_ in enumerate(ids)]
    return {"points": hits[: body["limit"]]}


def test_pages_of_a_search_repeat_no_image(server, store):
    def respond(request):
        body = json.loads(request.content)
        if "ids" in body:
            return result([{"id": i, "payload": write_payload(an_image("a"))} for i in body["ids"]])
        return result([graph_search(search) for search in body["searches"]])

    server.responses = [respond]
    for size, pages in [(20, 12), (70, 20)]:
        seen = []
        for page in range(pages):
            found = store.search(Query(EAST[0], limit=size, offset=page * size))
            seen += [match.image.id for match in found]
        assert len(seen) == len(set(seen)) == size * pages
        assert (
            len({f"{n:08x}-0000-4000-8000-000000000000" for n in range(len(seen))} - {*seen}) <= 1
        )


TOO_LARGE = httpx.Response(413, html="<h1>413 Request Entity Too Large</h1>")


def proxy_for(limit_bytes, result_of):
    """Refuse requests over this size, as a proxy does."""

    def respond(request):
        if len(request.content) > limit_bytes:
            return TOO_LARGE
        return result(result_of(json.loads(request.content)))

    return respond


def test_a_batch_that_a_proxy_refuses_is_halved_until_it_passes(server, store):
    written = []

    def keep(body):
        written.extend(point["id"] for point in body["points"])
        return {"operation_id": 1, "status": "completed"}

    server.responses = [proxy_for(30_000, keep)]
    images = [an_image(f"{n}.jpg") for n in range(100)]

    store.put(images, random_units(100, 4))
    first = len(server.requests)
    store.put(images, random_units(100, 4))

    assert written == [image.id for image in images] * 2
    refused = [r for r in server.requests if len(r.content) > 30_000]
    assert server.requests.index(refused[-1]) < first  # later batches have the size that passed


def test_queries_that_a_proxy_refuses_together_are_sent_in_parts(server, store):
    server.responses = [proxy_for(2_000, lambda body: [{"points": []} for _ in body["searches"]])]

    assert store.search_many([Query(vector) for vector in random_units(50, 4)]) == [[]] * 50


def test_a_single_image_that_a_proxy_refuses_is_a_plain_error(server, store):
    server.responses = [TOO_LARGE]

    with pytest.raises(StoreRejected, match="client_max_body_size") as caught:
        store.put([an_image(f"{n}.jpg") for n in range(100)], random_units(100, 4))

    assert "<h1>" not in str(caught.value)
    assert len(json.loads(server.requests[-1].content)["points"]) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 408, 413, 429, 500, 502, 503, 504, 507])
def test_no_error_quotes_the_text_of_the_server(server, store, status):
    server.responses = [refusal(status, "Service internal error: 1 of 3 shards, secret-host:6335")]

    with pytest.raises(StoreError) as caught:
        store.count()

    assert "shards" not in str(caught.value)
    assert "secret-host" not in str(caught.value)


def test_a_record_written_by_other_software_is_rejected(server, store):
    point = {"id": an_image("a").id, "version": 1, "score": 1.0}
    record = {"id": an_image("a").id, "payload": {"title": "x"}}
    server.responses = [result([{"points": [point]}]), result([record])]

    with pytest.raises(StoreRejected, match="not written by Lookalike"):
        store.search(Query(EAST[0]))


def test_searches_read_only_the_images_of_their_pages_in_one_request(server, store):
    images = sorted((an_image(f"{n}.jpg") for n in range(230)), key=lambda image: image.id)
    hits = [{"id": i.id, "version": 1, "score": 1 - n / 1_000} for n, i in enumerate(images)]
    found = [{"points": hits[:64]}, {"points": hits[:221]}, {"points": hits[:58]}]
    kept = [{"id": i.id, "payload": write_payload(i)} for i in images]
    server.responses = [result(found), result([*kept[40:42], *kept[200:204]])]  # 204 was removed

    first, second = store.search_many(
        [Query(EAST[0], limit=5, offset=200), Query(EAST[0], limit=2, offset=40)]
    )

    name = "/collections/lookalike--test-1--4--schema-4/points"
    assert paths(server) == [f"POST {name}/query/batch", f"POST {name}"]
    searched, read = [json.loads(request.content) for request in server.requests]
    assert [s["with_payload"] for s in searched["searches"]] == [False] * 3
    assert read["ids"] == [i.id for i in (*images[200:205], *images[40:42])]
    assert [match.image for match in first] == images[200:204]
    assert [match.image for match in second] == images[40:42]


def test_ties_are_read_at_most_a_thousand_beyond_the_page(server, store):
    def respond(request):
        body = json.loads(request.content)
        if "ids" in body:
            return result([])
        limits.append(body["searches"][-1]["limit"])
        hits = [{"id": id_, "version": 1, "score": 1.0} for id_ in ids]
        return result([{"points": hits[: search["limit"]]} for search in body["searches"]])

    ids = [an_image(f"{n}").id for n in range(2_000)]
    server.responses = [respond]
    for query, expected in [
        (Query(EAST[0], limit=10), [26, 104, 416, 1_010]),
        (Query(EAST[0], limit=10, ties=False), [26]),
    ]:
        limits = []
        store.search(query)
        assert limits == expected


def test_many_images_are_sent_in_requests_of_a_hundred(server, store):
    server.responses = [result({"operation_id": 1, "status": "completed"})]

    store.put([an_image(f"{n}.jpg") for n in range(250)], random_units(250, 4))

    sizes = [len(json.loads(request.content)["points"]) for request in server.requests]
    assert sizes == [100, 100, 50]
    assert {request.url.params["wait"] for request in server.requests} == {"true"}


def test_a_request_with_wide_vectors_stays_below_four_megabytes():
    wide = CollectionSpec("test@1", 4_096)
    server = Server([aliases(lookalike=wide.name), collection(wide)])
    store = QdrantStore.open(server.collections(), wide)
    server.requests.clear()
    server.responses = [result({"operation_id": 1, "status": "completed"})]
    images = [an_image(f"{n}.jpg", metadata={"text": "x" * 8_000}) for n in range(100)]

    store.put(images, random_units(100, 4_096))

    assert max(len(request.content) for request in server.requests) < 4_000_000
    store.close()


@pytest.mark.parametrize(("distance", "most_bytes"), [("cosine", 15_000), ("dot", 18_000)])
def test_vectors_are_sent_in_few_digits_that_keep_their_similarity(distance, most_bytes):
    wide = CollectionSpec("test@1", 1_280, Distance(distance))
    server = Server([aliases(lookalike=wide.name), collection(wide)])
    store = QdrantStore.open(server.collections(), wide)
    server.requests.clear()
    vectors = np.abs(random_units(20, 1_280))  # as the model's: no negative numbers
    server.responses = [result({"operation_id": 1, "status": "completed"})]
    store.put([an_image(f"{n}.jpg") for n in range(20)], vectors)
    server.responses = [result([{"points": []}] * 20)]
    store.search_many([Query(vector) for vector in vectors])
    store.close()

    written, asked = (json.loads(request.content) for request in server.requests)
    sent = np.array([point["vector"]["image"] for point in written["points"]])
    assert sent.tolist() == [search["query"]["nearest"] for search in asked["searches"]]
    assert len(server.requests[1].content) < 20 * most_bytes
    lengths = np.linalg.norm(sent, axis=1)
    if distance == "cosine":  # the server divides by the length
        np.testing.assert_allclose((sent * vectors).sum(1) / lengths, 1, atol=1e-8)
    else:
        np.testing.assert_allclose((sent * sent).sum(1), 1, atol=2e-7)


def test_a_closed_store_sends_nothing(server, store):
    store.close()

    with pytest.raises(StoreError, match="closed"):
        store.count()

    assert server.requests == []
