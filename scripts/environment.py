"""Chooses the environment of a command, and makes .venv. Standard library only, Python 3.8+."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
# The SAM CLI pins other versions than the image does, so it has its own.
SAM_VENV = ROOT / ".venv-sam"
OLDEST = (3, 11)
_PROGRAMS, _PYTHON = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
_PIN = re.compile(r"([\w.-]+)(?:\[.*\])?==([^\s;]+)(?:\s*;\s*sys_platform == \"(\w+)\")?")
# A line of pip's output: name, version and size of a package.
_ARRIVED = re.compile(
    r"\s*(?:Downloading|Using cached|Processing) (?:\S*/)?([^/\s-]+)-(\S+)\.whl( \(.+\))?$"
)
_DESCRIBE = "import sys, sysconfig; print(*sys.version_info[:2], sysconfig.get_path('purelib'))"

sys.path.insert(0, str(ROOT))

from functions.cli.interrupts import exit_immediately


def enter(requirements):
    """Continue with the packages of this requirements file.

    Returns if the running Python has them. Otherwise starts this command again in .venv, which is
    made, completed or replaced first. With LOOKALIKE_NO_VENV it is the running Python or nothing,
    and other versions of the packages count too.
    """
    exit_immediately()
    no_venv = os.environ.get("LOOKALIKE_NO_VENV")
    missing = _missing(requirements, sys.path, any_version=no_venv)
    if sys.version_info >= OLDEST and not missing:
        return
    if no_venv and sys.version_info < OLDEST:
        sys.exit(f"{sys.executable} is older than Python 3.11; use another one")
    if no_venv:
        install = f"{sys.executable} -m pip install -r {ROOT / requirements}"
        sys.exit(f"{sys.executable} lacks {_listed(missing)}; run: {install}")
    if os.environ.get("LOOKALIKE_ENTERED") == str(VENV):  # else this would go on for ever
        sys.exit(f"{sys.executable} lacks {_listed(missing)}; delete {VENV} and start again")
    os.environ["LOOKALIKE_ENTERED"] = str(VENV)
    command = [str(prepare(VENV, requirements) / _PYTHON), *sys.argv]
    if os.name == "nt":  # there, execv returns to the shell while the new process goes on
        sys.exit(subprocess.call(command))
    os.execv(command[0], command)


def prepare(venv, requirements):
    """Make this environment complete if it is not; returns its folder of programs."""
    programs = venv / _PROGRAMS
    found = _describe(programs / _PYTHON)
    if found and not _missing(requirements, [found]):
        return programs  # nothing is written: the checkout may belong to somebody else
    try:
        lock = open(str(venv) + ".lock", "w")  # noqa: SIM115
    except OSError as error:
        sys.exit(
            f"{venv} is not complete, and {ROOT} cannot be written ({error.strerror}). Start "
            "this once as the owner of that folder, or activate an environment with the packages "
            f"of {requirements} first."
        )
    with lock:
        _wait_for(lock)
        _install(venv, requirements)
    return programs


def prepare_npm(folder):
    """Install the npm packages that a folder's lock file pins, if they are not there yet."""
    lock, done = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    if done.is_file() and done.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm was not found; install Node.js 20 or newer")
    subprocess.check_call([npm, "ci", "--no-audit", "--no-fund", "--silent"], cwd=str(folder))


def _wait_for(lock):
    """Let only one of two commands that start together install."""
    if os.name != "nt":
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX)


def _install(venv, requirements):
    python = venv / _PROGRAMS / _PYTHON
    # pip is missing after a Ctrl-C, or if Debian's python3-venv was missing; and after an upgrade
    # of Python it is where the new version does not look.
    if not _describe(python) or not _succeeds(python, "-m", "pip", "--version"):
        _create(venv)
    packages = _describe(python)
    missing = _missing(requirements, [packages])
    if missing:
        for info in Path(packages).glob("*.dist-info"):
            if not (info / "INSTALLER").is_file():  # pip would take these for installed
                shutil.rmtree(str(info))
        print(f"Installing {len(missing)} packages into {venv.name}, once", file=sys.stderr)
        if _pip_install(python, ROOT / requirements):
            sys.exit("The packages could not be installed; see the lines above, and start again.")


def _create(venv):
    python = _python()
    if venv.is_symlink():
        sys.exit(f"{venv} is a link to an environment that does not work; remove the link")
    if venv.exists():
        print(f"{venv.name} does not work; making it again", file=sys.stderr)
        shutil.rmtree(str(venv))
    print(f"Creating a virtual environment in {venv.name} with {python}", file=sys.stderr)
    if subprocess.call([python, "-m", "venv", str(venv)]):
        shutil.rmtree(str(venv), ignore_errors=True)
        sys.exit("That failed; see the lines above.")


def _pip_install(python, requirements):
    """Show each package that arrives; returns the exit code of pip."""
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    command = [*pip, "--progress-bar", "off", "--requirement", str(requirements)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, universal_newlines=True) as process:
        for line in process.stdout:
            wheel = _ARRIVED.match(line)
            if wheel:
                version = wheel[2].partition("-")[0]
                print(f"  {wheel[1]} {version}{wheel[3] or ''}", file=sys.stderr)
            elif line.startswith("Installing collected packages"):
                print("  unpacking", file=sys.stderr)
    return process.returncode


def _missing(requirements, folders, *, any_version=False):
    """Return the packages of a requirements file that are not completely in these folders."""
    installed = {}
    for folder in folders:
        for info in Path(folder).glob("*.dist-info"):
            name, _, version = info.name[: -len(".dist-info")].partition("-")
            if (info / "INSTALLER").is_file():  # written at the end
                installed.setdefault(_normal(name), version)
    return [
        name
        for name, version in _pins(ROOT / requirements)
        if installed.get(_normal(name)) != version
        if not (any_version and _normal(name) in installed)
    ]


def _listed(names):
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _pins(requirements):
    """Return name and version of what a requirements file and those that it includes list."""
    pins = []
    for line in requirements.read_text().splitlines():
        pin = _PIN.match(line)
        if line.startswith("-r "):
            pins += _pins(requirements.parent / line[3:].strip())
        elif pin and pin[3] in (None, sys.platform):
            pins.append((pin[1], pin[2]))
    return pins


def _normal(name):
    return re.sub("[-_.]+", "-", name).lower()


def _python():
    """Return a Python that is new enough and can make environments."""
    names = [sys.executable, "python3", *(f"python3.{minor}" for minor in range(14, 10, -1))]
    found = [python for python in filter(None, map(shutil.which, names)) if _describe(python)]
    for python in found:
        if _succeeds(python, "-c", "import ensurepip, venv; ensurepip.version()"):
            return python
    if found:
        sys.exit(f"{found[0]} cannot make environments; on Debian: apt install python3-venv")
    sys.exit("Lookalike needs Python 3.11 or newer; none was found.")


def _describe(python):
    """Return where a Python has its packages; None if it does not run or is too old."""
    try:
        output = subprocess.run(
            [str(python), "-c", _DESCRIBE],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ).stdout.split(maxsplit=2)
    except OSError:
        return None
    is_new = len(output) == 3 and (int(output[0]), int(output[1])) >= OLDEST
    return output[2].strip() if is_new else None


def _succeeds(*command):
    discard = subprocess.DEVNULL
    return subprocess.call(list(map(str, command)), stdout=discard, stderr=discard) == 0
