"""The local commands of the README and of two pages, run as printed except for the port."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.drawing import jpeg
from tests.end_to_end.server import ROOT, answered, environment_of, free_port, output_until
from tests.recipes.reading import agree

README = (ROOT / "README.md").read_text()
TRY_IT = README.partition("## Try it\n")[2].partition("\n## ")[0]
PAGES = [TRY_IT, *((ROOT / "docs" / name).read_text() for name in ("api.md", "import.md"))]


def blocks(language: str) -> list[str]:
    """Return the code blocks of what is followed, in order."""
    found = re.findall(rf"^```{language}\n(.*?)^```", "".join(PAGES), re.MULTILINE | re.DOTALL)
    assert found
    return found


class Reader:
    """A user with a fresh clone, pictures and a catalogue, who types the printed commands."""

    def __init__(self, clone: Path, terminal: int = subprocess.DEVNULL) -> None:
        self._terminal = terminal
        clone.mkdir()
        for name in ("functions", "model", "scripts"):
            (clone / name).symlink_to(ROOT / name)
        (clone / ".venv").symlink_to(sys.prefix)
        (clone / "similar.py").write_text(blocks("python")[0])
        (clone / "Pictures").mkdir()
        (clone / "Pictures" / "mine.jpg").write_bytes(jpeg(1))
        (clone / "catalogue.csv").write_text("path,colour\nPictures/mine.jpg,red\n")
        (clone / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
        self.clone = clone
        self.port = free_port()
        self.server: subprocess.Popen[str] | None = None
        home = {"HOME": str(clone), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        self.environment = environment_of(clone / "data", **home)
        del self.environment["LOOKALIKE_DATA"]

    def type(self, block: str) -> str:
        """Run a block; a server keeps running and replaces the previous one."""
        block = block.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}")
        serving = "scripts/serve" in block
        if serving or "scripts/import" in block or "similar.py" in block:
            self.press_ctrl_c()
        if serving:
            block = "exec env " + block.replace(
                "scripts/serve", f"scripts/serve --port {self.port}"
            )
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=self.clone,
            env=self.environment,
            stdin=self._terminal if serving else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if serving:
            self.server = process
            return output_until("curl ", process)
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, f"{block}\n{output}"
        return output

    def press_ctrl_c(self) -> None:
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            self.server.communicate(timeout=30)
            self.server = None


@pytest.fixture
def reader(tmp_path):
    with answered("\n\n") as terminal:  # yes, fill the empty gallery
        reader = Reader(tmp_path / "clone", terminal)
        yield reader
        reader.press_ctrl_c()


def test_every_local_command_works_as_printed_in_a_fresh_clone(reader):
    outputs = [reader.type(block) for block in blocks("sh")]

    serve_demo, search, serve_folder, in_python, _, calls, _ = outputs
    assert "90 pictures" in serve_demo
    assert "91 pictures" in serve_folder
    assert agree(blocks("text")[-1], in_python)
    by_id = json.loads(calls[calls.rindex('{"results"') :])
    assert [result["name"] for result in by_id["results"]] == ["shoe"]
    (example,) = map(json.loads, blocks("json"))
    real = json.loads(search)
    assert (example["next_offset"], example["model"]) == (real["next_offset"], real["model"])
    for printed, result in zip(example["results"], real["results"], strict=False):
        if printed != "...":
            assert (printed["rank"], printed["name"]) == (result["rank"], result["name"])
            # Printed values are rounded, and CPUs differ in the last digits of the int8 graph.
            assert printed["similarity"] == pytest.approx(result["similarity"], abs=0.002)
            assert printed["score"] == pytest.approx(result["score"], abs=0.002)


def test_the_base64_command_accepts_a_photo_too_large_for_a_command_line(reader):
    reader.type(blocks("sh")[0])
    line = next(line for block in blocks("sh") for line in block.splitlines() if "base64 <" in line)
    (reader.clone / "shoe.jpg").write_bytes(jpeg(1) + bytes(3_000_000))  # decoders ignore the end

    output = reader.type(f"here=http://127.0.0.1:8000\n{line}\n")

    assert len(json.loads(output)["results"]) == 3
