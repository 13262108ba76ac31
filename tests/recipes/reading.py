"""Does what docs/recipes.md says, as its reader would: saves the files, types the commands."""

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.doors.server import ROOT, environment_of, free_port, said_until

RECIPES = ROOT / "docs" / "recipes.md"
LOOKALIKE, WEB = "8000", "8001"  # the printed ports: of Lookalike, and of a web server beside it
_PORT = re.compile(rf"\b(?:{LOOKALIKE}|{WEB})\b")
_NUMBER = re.compile(r"\d+\.\d+")
_FILE = re.compile(r"(?://|#) ([\w.]+\.(?:mjs|py)): ")


@dataclass(frozen=True)
class Block:
    """One block of code: in which language, and the file that its first line names, if one."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        found = _FILE.match(self.text)
        return found[1] if found else None


def blocks_of(title: str) -> list[Block]:
    """Give the blocks of the part of this title, in order."""
    parts = re.split(r"^## (.+)\n", RECIPES.read_text(), flags=re.MULTILINE)[1:]
    (part,) = [text for at, text in zip(parts[::2], parts[1::2], strict=True) if at == title]
    found = re.findall(r"^```(\w+)\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)
    assert found
    return [Block(language, text) for language, text in found]


def agree(printed: str, said: str) -> bool:
    """Tell whether two texts are the same but for small differences of decimal numbers.

    Processors differ in the last digits of the int8 graph, and two digits are printed.
    """
    numbers = [[float(n) for n in _NUMBER.findall(text)] for text in (printed, said)]
    return _NUMBER.sub("?", printed) == _NUMBER.sub("?", said) and all(
        abs(one - other) <= 0.02 * max(1, one) for one, other in zip(*numbers, strict=True)
    )


class Reader:
    """Somebody in a fresh clone who follows a recipe, on ports that are free."""

    def __init__(self, clone: Path) -> None:
        clone.mkdir()
        for name in ("scripts", "model"):
            (clone / name).symlink_to(ROOT / name)
        (clone / ".venv").symlink_to(sys.prefix)
        (clone / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
        self.clone = clone
        self.ports = {printed: str(free_port()) for printed in (LOOKALIKE, WEB)}
        self.address = f"http://127.0.0.1:{self.ports[LOOKALIKE]}"
        self.server: subprocess.Popen[str] | None = None
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = environment_of(clone, HOME=str(clone), PATH=programs)
        del self.environment["LOOKALIKE_DATA"]

    def follow(self, title: str) -> list[str]:
        """Do all that a part says, and hold what was said against what is printed below it.

        Gives what each command said, in order.
        """
        self.save(title)
        said: list[str] = []
        for block in blocks_of(title):
            if block.language == "sh":
                said.append(self.type(block.text))
            elif block.language == "text":
                assert agree(block.text, said[-1]), f"printed:\n{block.text}\nsaid:\n{said[-1]}"
        return said

    def type(self, command: str) -> str:
        """Run a block of commands; a server is left running in place of the one before."""
        serves = "scripts/serve" in command
        command = self._at_free_ports(command)
        if serves:
            self.press_ctrl_c()
            command = command.replace(
                "scripts/serve", f"scripts/serve --port {self.ports[LOOKALIKE]}"
            )
            command = f"exec env {command}"
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.clone,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if serves:
            self.server = process
            return said_until("Ctrl-C stops it", process)
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, f"{command}\n{said}"
        return said

    def press_ctrl_c(self) -> None:
        """Stop the server, if one runs."""
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            self.server.communicate(timeout=30)
            self.server = None

    def save(self, title: str) -> None:
        """Save the files of a part."""
        for block in blocks_of(title):
            if block.file:
                (self.clone / block.file).write_text(self._at_free_ports(block.text))

    def _at_free_ports(self, text: str) -> str:
        return _PORT.sub(lambda found: self.ports[found[0]], text)
