"""Creates and enters the virtual environments of commands. Standard library only, Python 3.8+."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
# The SAM CLI pins other versions than the image does, so it has its own.
SAM_VENV = ROOT / ".venv-sam"
OLDEST = (3, 11)


def enter(requirements):
    """Continue inside .venv with this requirements file installed, creating it if needed.

    Returns if the running Python is that of .venv; otherwise it starts this command again with it.
    """
    if Path(sys.prefix) == VENV:
        sys.path.insert(0, str(ROOT))
        return
    prepare(VENV, requirements)
    os.execv(str(VENV / "bin" / "python"), [str(VENV / "bin" / "python"), *sys.argv])


def prepare(venv, requirements):
    """Create this environment and install its packages, once; returns its folder of programs."""
    with open(str(venv) + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two commands started together only one installs
        _install(venv, ROOT / requirements)
    return venv / "bin"


def prepare_npm(folder):
    """Install the npm packages that a folder's lock file pins, if they are not there yet."""
    lock, done = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    if done.is_file() and done.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm was not found; install Node.js 20 or newer")
    subprocess.check_call([npm, "ci", "--no-audit", "--no-fund", "--silent"], cwd=str(folder))


def _install(venv, requirements):
    if not _runs(venv / "bin" / "python"):
        shutil.rmtree(str(venv), ignore_errors=True)
        python = _python()
        print(f"Creating a virtual environment in {venv.name} with {python}", file=sys.stderr)
        if subprocess.call([python, "-m", "venv", str(venv)]):
            sys.exit("That failed; on Debian and Ubuntu: apt install python3-venv")
    wanted = hashlib.sha256(_text(requirements).encode()).hexdigest()
    stamp = venv / (requirements.parent.name + ".installed")
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print("Installing", requirements.relative_to(ROOT), "(once)", file=sys.stderr)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
    if subprocess.call([*pip, "--quiet", "--requirement", str(requirements)]):
        sys.exit("The packages could not be installed; see the lines above.")
    stamp.write_text(wanted)


def _text(requirements):
    """Return the text of a requirements file and of those it includes."""
    text = requirements.read_text()
    included = [line[3:].strip() for line in text.splitlines() if line.startswith("-r ")]
    return text + "".join(_text(requirements.parent / name) for name in included)


def _python():
    names = [sys.executable, "python3", "python3.13", "python3.12", "python3.11"]
    for python in filter(None, map(shutil.which, names)):
        if _runs(python):
            return python
    sys.exit("Lookalike needs Python 3.11 or newer; none was found.")


def _runs(python):
    check = f"import sys; sys.exit(sys.version_info < {OLDEST!r})"
    try:
        return subprocess.call([str(python), "-c", check], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False
