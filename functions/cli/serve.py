"""Serve a gallery on this machine, after importing a folder if one is given."""

import shlex
import socket
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from functions.api.app import create_app
from functions.api.monitoring import monitor
from functions.cli.connections import Listener, bounded_server
from functions.cli.demo import draw_demo
from functions.cli.following import Follower
from functions.cli.hashed_files import HashedFiles
from functions.cli.importing import import_listing
from functions.cli.interrupts import raise_on_termination, raise_once
from functions.cli.logs import log_to_stderr
from functions.cli.sources import Entry, Listing, UnusableSource, entries_in, own_folder
from functions.cli.terminal import Terminal, exits, show
from functions.gallery.bootstrap import build_gallery, place_of
from functions.gallery.gallery import Gallery
from functions.gallery.settings import Settings
from functions.runtime import command

console = Terminal()


class CannotListen(Exception):
    """An address that cannot be opened; the message says why and what to do."""


def main(
    folder: Annotated[
        Path | None, typer.Argument(exists=True, file_okay=False, help="Pictures to import first")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port to listen on; 0: any free port")
    ] = 8000,
    in_place: Annotated[
        Path | None, typer.Option(help="Folder whose pictures are read where they are, not copied")
    ] = None,
    demo: Annotated[
        bool | None,
        typer.Option(help="Fill an empty folder with drawn pictures; without it, a terminal asks"),
    ] = None,
) -> None:
    """Serve the gallery in ./data (or LOOKALIKE_DATA), with FOLDER imported into it first."""
    raise_once()
    raise_on_termination()
    with exits(console, CannotListen, UnusableSource):
        settings = Settings.from_environment()
        if in_place is not None:
            settings = settings.model_copy(update={"lookalike_in_place": in_place})
        place = place_of(settings)
        if place and (folder or demo):
            raise typer.BadParameter(
                f"this gallery reads {place} in place and copies nothing; leave out FOLDER and "
                "--demo, or set LOOKALIKE_DATA to another folder"
            )
        if host not in ("127.0.0.1", "::1", "localhost") and not settings.lookalike_api_keys:
            raise typer.BadParameter(
                f"set LOOKALIKE_API_KEYS (see {command('key')}) to let others in"
            )
        if demo and settings.lookalike_bucket:
            raise typer.BadParameter("--demo fills folders only; unset LOOKALIKE_BUCKET")
        # Bind before the import, which may take an hour; listen after it, so that until then
        # callers are refused instead of waiting.
        listener = _bind(host, port)
        with closing(build_gallery(settings)) as gallery:
            if place is None:
                _fill(gallery, settings, folder, demo)
            elif gallery.stats().unindexed:  # found by the last run; not next to requests
                gallery.optimize()
            try:
                _serve(gallery, settings, host, listener, place)
            except KeyboardInterrupt:  # the normal way to stop serving
                raise typer.Exit(0) from None


def _bind(host: str, port: int) -> Listener:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # IPv4 first, as most callers of "localhost" do.
        family, kind, protocol, _, address = min(found, key=lambda f: f[0] != socket.AF_INET)
        listener = Listener(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise _cannot_listen(host, port, error) from error
    return listener


def _cannot_listen(host: str, port: int, error: OSError) -> CannotListen:
    return CannotListen(
        f"port {port} of {host} cannot be opened: {error.strerror}; "
        "stop whatever uses it, or choose another one, such as --port 8765"
    )


def _fill(gallery: Gallery, settings: Settings, folder: Path | None, demo: bool | None) -> None:
    if folder is not None:
        listing = entries_in(folder, own_folder(settings))
    elif gallery.stats().images == 0 and _wants_demo(demo, settings):
        drawn = draw_demo(settings.lookalike_data / "demo")
        entries = [Entry(path, f"demo/{path.name}") for path in drawn]
        listing = Listing(entries)
    else:
        return
    with closing(HashedFiles(settings.lookalike_data)) as hashed:
        import_listing(gallery, listing, console, hashed=hashed)


def _wants_demo(option: bool | None, settings: Settings) -> bool:
    """Return whether to draw: never into a bucket, and unasked only if a person is there to ask."""
    if settings.lookalike_bucket or (option is None and not sys.stdin.isatty()):
        return False
    question = "The gallery is empty. Fill it with drawn pictures to try it?"
    return typer.confirm(question, True) if option is None else option


def _serve(
    gallery: Gallery, settings: Settings, host: str, listener: Listener, place: Path | None
) -> None:
    port = listener.getsockname()[1]
    app = create_app(gallery, settings)
    monitor(app, gallery)
    log_to_stderr(settings.lookalike_log_level)
    server = bounded_server(app, log_config=None, proxies=settings.lookalike_trusted_proxies)
    try:
        listener.listen(server.config.backlog)
    except OSError as error:  # two can bind a port; the first to listen gets it
        raise _cannot_listen(host, port, error) from error
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    _greet(gallery, settings, address, place)
    if place is None:
        server.run(sockets=[listener])
        return
    follower = Follower(gallery, place, console, app.state.capacity.decoders)
    follower.start()
    with closing(follower):
        server.run(sockets=[listener])


def _greet(gallery: Gallery, settings: Settings, address: str, place: Path | None) -> None:
    show(console, f"{gallery.stats().images:,} pictures, served at {address} (docs: /docs)")
    page = gallery.list(limit=1)
    if page.images:
        originals = place or settings.lookalike_data / "originals"
        picture = originals / page.images[0].name
        key = " -H 'x-api-key: YOUR KEY'" if settings.lookalike_api_keys else ""
        show(console, "Find pictures similar to one of them:")
        file = shlex.quote(f"@{picture}")
        show(console, f"  curl{key} --data-binary {file} '{address}/v1/search?limit=5'")
    elif place is None:
        show(
            console, f"Add some on the page or with {command('import')} FOLDER; --demo draws some."
        )
    if place is not None:
        show(console, f"Listing {place}; what is new there is found while it serves.")
    show(console, "Ctrl-C stops it.")
