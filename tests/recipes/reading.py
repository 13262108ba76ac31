"""Follow docs/recipes.md as a reader would: save the files, type the commands."""

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.server import ROOT, environment_of, free_port, output_until

RECIPES = ROOT / "docs" / "recipes.md"
LOOKALIKE, WEB = "8000", "8001"  # the printed ports of Lookalike and of a second web server
_PORT = re.compile(rf"\b(?:{LOOKALIKE}|{WEB})\b")
_NUMBER = re.compile(r"\d+\.\d+")
_FILE = re.compile(r"(?://|#) ([\w.]+\.(?:mjs|py)): ")


@dataclass(frozen=True)
class Block:
    """A code block: its language, its text, and the file that its first line names, if any."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        found = _FILE.match(self.text)
        return found[1] if found else None


def blocks_of(title: str) -> list[Block]:
    """Return the blocks of the section with this title, in order."""
    sections = re.split(r"^## (.+)\n", RECIPES.read_text(), flags=re.MULTILINE)[1:]
    (section,) = [
        text
        for heading, text in zip(sections[::2], sections[1::2], strict=True)
        if heading == title
    ]
    found = re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found
    return [Block(language, text) for language, text in found]


def agree(printed: str, output: str) -> bool:
    """Return whether two texts are equal except for small differences in decimal numbers.

    CPUs differ in the last digits of the int8 graph, and two digits are printed.
    """
    numbers = [[float(n) for n in _NUMBER.findall(text)] for text in (printed, output)]
    return _NUMBER.sub("?", printed) == _NUMBER.sub("?", output) and all(
        abs(one - other) <= 0.02 * max(1, one) for one, other in zip(*numbers, strict=True)
    )


class Reader:
    """A user with a fresh clone who follows a recipe, on free ports."""

    def __init__(self, clone: Path, terminal: int = subprocess.DEVNULL) -> None:
        self._terminal = terminal
        clone.mkdir()
        for name in ("functions", "model", "scripts"):
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
        """Follow a section and compare each command's output with what is printed below it.

        Returns the output of every command, in order.
        """
        self.save(title)
        outputs: list[str] = []
        for block in blocks_of(title):
            if block.language == "sh":
                outputs.append(self.type(block.text))
            elif block.language == "text":
                assert agree(block.text, outputs[-1]), (
                    f"printed:\n{block.text}\noutput:\n{outputs[-1]}"
                )
        return outputs

    def type(self, command: str) -> str:
        """Run a block of commands; a server keeps running and replaces the previous one."""
        serves = "scripts/serve" in command
        if "stop the server with Ctrl-C" in command:
            self.press_ctrl_c()
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
            stdin=self._terminal if serves else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if serves:
            self.server = process
            return output_until("Ctrl-C stops it", process)
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, f"{command}\n{output}"
        return output

    def press_ctrl_c(self) -> None:
        """Stop the server if one is running."""
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            self.server.communicate(timeout=30)
            self.server = None

    def save(self, title: str) -> None:
        """Save the files of a section."""
        for block in blocks_of(title):
            if block.file:
                (self.clone / block.file).write_text(self._at_free_ports(block.text))

    def _at_free_ports(self, text: str) -> str:
        return _PORT.sub(lambda found: self.ports[found[0]], text)
