"""Reads infra/compose.yaml, and starts a service with its options where no Compose is installed."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).resolve().parents[2] / "infra" / "compose.yaml"
_VARIABLE = re.compile(r"\$\{(\w+):([-+?])((?:[^${}]|\$\{[^${}]*\})*)\}")
# What concerns other services, the build, or restarts.
_LEFT_OUT = {"build", "image", "pull_policy", "env_file", "depends_on", "restart"} | {
    "stop_grace_period"
}


class VariableMissing(Exception):
    """A variable that the file requires is not set; the message is the file's."""


def service(name: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """Return a service with its variables replaced, as Compose does it; raises VariableMissing."""
    found = yaml.safe_load(FILE.read_text())["services"][name]
    replaced: dict[str, Any] = _replaced(found, variables)
    return replaced


def _replaced(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [_replaced(each, variables) for each in value]
    return _replace(value, variables) if isinstance(value, str) else value


def _replace(text: str, variables: Mapping[str, str]) -> str:
    def value_of(found: re.Match[str]) -> str:
        name, kind, word = found.groups()
        value = variables.get(name, "")
        if kind == "?" and not value:
            raise VariableMissing(word)
        wants_word = bool(value) if kind == "+" else not value
        return _replace(word, variables) if wants_word else value if kind != "+" else ""

    return _VARIABLE.sub(value_of, text).replace("$$", "$")


def run_options(options: Mapping[str, Any], volumes: Mapping[str, str]) -> list[str]:
    """Return the options of `docker run` for a service, with these volumes in place of its own.

    Raises KeyError for an option that it does not know, so that none is left untested.
    """
    arguments: list[str] = []
    for name, value in options.items():
        if name in _LEFT_OUT:
            continue
        arguments += {
            "environment": lambda v: [a for k, x in v.items() for a in ("--env", f"{k}={x}")],
            "ports": lambda v: [a for x in v for a in ("--publish", x)],
            "volumes": lambda v: [a for x in v for a in ("--volume", _renamed(x, volumes))],
            "tmpfs": lambda v: [a for x in v for a in ("--tmpfs", x)],
            "cap_drop": lambda v: [a for x in v for a in ("--cap-drop", x)],
            "security_opt": lambda v: [a for x in v for a in ("--security-opt", x)],
            "read_only": lambda v: ["--read-only"] * v,
            "mem_limit": lambda v: ["--memory", v],
            "logging": lambda v: [
                "--log-driver",
                v["driver"],
                *[a for k, x in v["options"].items() for a in ("--log-opt", f"{k}={x}")],
            ],
        }[name](value)
    return arguments


def _renamed(volume: str, volumes: Mapping[str, str]) -> str:
    name, _, path = volume.partition(":")
    return f"{volumes[name]}:{path}"
