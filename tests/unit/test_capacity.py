"""What requests share: memory for bodies, and the clock that starts once a body has arrived."""

import anyio
import pytest

from functions.api.errors import Overloaded
from functions.api.requests.capacity import SMALL_BODY_BYTES, Admission, BodyAdmission

LARGE = SMALL_BODY_BYTES + 1


def test_what_does_not_fit_waits_until_there_is_room_and_holds_up_nothing_that_fits():
    admitted: list[str] = []

    async def hold(admission: Admission, name: str, size: int, done: anyio.Event) -> None:
        async with admission.hold(size, 60):
            admitted.append(name)
            await done.wait()

    async def run() -> None:
        admission, first, rest = Admission(10), anyio.Event(), anyio.Event()
        rest.set()
        async with anyio.create_task_group() as group:
            for name, size, done in (
                ("a", 6, first),
                ("b", 6, rest),
                ("c", 1, rest),
                ("d", 6, rest),
            ):
                group.start_soon(hold, admission, name, size, done)
                await anyio.wait_all_tasks_blocked()
            assert admitted == ["a", "c"]
            first.set()

    anyio.run(run)

    assert admitted == ["a", "c", "b", "d"]


def test_what_finds_no_room_in_time_is_refused_and_lets_those_behind_it_in():
    async def run() -> str:
        admission = Admission(10)
        async with admission.hold(6, 0):
            with pytest.raises(Overloaded):
                async with admission.hold(6, 0.01):
                    raise AssertionError("it does not fit")
            async with admission.hold(4, 0):
                return "fits"

    assert anyio.run(run) == "fits"


def test_a_cancelled_request_leaves_its_room_to_others():
    async def run() -> str:
        admission = Admission(10)
        with anyio.move_on_after(0.01):
            async with admission.hold(10, 60):
                await anyio.sleep_forever()
        async with admission.hold(10, 0):
            return "fits"

    assert anyio.run(run) == "fits"


async def send(admission: Admission, size: int, *, chunked: bool = False) -> tuple[int, bool]:
    """Send one body; return how often it was read, and whether the clock was started anew."""
    reads = 0

    async def receive() -> dict:
        nonlocal reads
        reads += 1
        return {"type": "http.request", "body": b"", "more_body": False}

    async def app(scope, receive, send) -> None:
        started = scope["state"]["watch"]
        try:
            await receive()
        except Overloaded:
            return
        scope["state"]["is_new"] = scope["state"]["watch"] is not started

    length = (b"transfer-encoding", b"chunked") if chunked else (b"content-length", b"%d" % size)
    scope = {"type": "http", "headers": [length], "state": {"is_new": False}}
    await BodyAdmission(app, admission, LARGE)(scope, receive, None)
    return reads, scope["state"]["is_new"]


@pytest.mark.parametrize(("size", "chunked"), [(LARGE, False), (0, True)])
def test_a_large_body_is_not_read_before_there_is_room(monkeypatch, size, chunked):
    monkeypatch.setattr("functions.api.requests.capacity.BODY_WAIT_S", 0.01)

    async def run() -> list[tuple[int, bool]]:
        admission = Admission(LARGE)
        async with admission.hold(LARGE, 0):
            refused = await send(admission, size, chunked=chunked)
            small = await send(admission, 100)
        return [refused, small]

    assert anyio.run(run) == [(0, False), (1, True)]


def test_the_room_of_a_body_is_free_again_after_the_response():
    async def run() -> list[tuple[int, bool]]:
        admission = Admission(LARGE)
        return [await send(admission, LARGE), await send(admission, LARGE)]

    assert anyio.run(run) == [(1, True), (1, True)]
