"""Fill in the values of a transformed template's functions, as CloudFormation does.

Only the functions that our template uses. What exists only after a deployment (ids, ARNs) becomes a
text that names it.
"""

import json
import re
from functools import cached_property
from typing import Any

NO_VALUE = object()


class Stack:
    """A transformed template with values for its parameters."""

    def __init__(self, template: dict[str, Any], values: dict[str, str]) -> None:
        """Use the defaults of all parameters that are not in `values`."""
        self._template = template
        defaults = {n: str(p.get("Default", "")) for n, p in template["Parameters"].items()}
        self.values = defaults | values

    @cached_property
    def resources(self) -> dict[str, Any]:
        """Return the resources whose condition holds, with every function resolved."""
        return {
            name: self.resolve(resource)
            for name, resource in self._template["Resources"].items()
            if "Condition" not in resource or self.holds(resource["Condition"])
        }

    def holds(self, condition: str) -> bool:
        """Return whether a named condition holds for the values."""
        return bool(self.resolve(self._template["Conditions"][condition]))

    def resolve(self, value: Any) -> Any:
        """Return a value with every function in it resolved."""
        if isinstance(value, list):
            return [r for each in value if (r := self.resolve(each)) is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            function = name.removeprefix("Fn::")
            if name in ("Ref", "Condition") or name.startswith("Fn::"):
                return getattr(self, f"_{function.lower()}")(argument)
        resolved = {name: self.resolve(each) for name, each in value.items()}
        return {name: each for name, each in resolved.items() if each is not NO_VALUE}

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        return self.values.get(name, f"<{name}>")

    def _condition(self, name: str) -> bool:
        return self.holds(name)

    def _if(self, argument: list[Any]) -> Any:
        condition, then, otherwise = argument
        return self.resolve(then if self.holds(condition) else otherwise)

    def _equals(self, argument: list[Any]) -> bool:
        left, right = map(self.resolve, argument)
        return str(left) == str(right)

    def _not(self, argument: list[Any]) -> bool:
        return not self.resolve(argument[0])

    def _or(self, argument: list[Any]) -> bool:
        return any(map(self.resolve, argument))

    def _and(self, argument: list[Any]) -> bool:
        return all(map(self.resolve, argument))

    def _join(self, argument: list[Any]) -> str:
        separator, parts = argument
        resolved = self.resolve(parts)
        return str(separator).join(resolved if isinstance(resolved, list) else [resolved])

    def _split(self, argument: list[Any]) -> list[str]:
        separator, text = argument
        return str(self.resolve(text)).split(separator)

    def _getatt(self, argument: list[str] | str) -> str:
        name, _, attribute = (
            argument if isinstance(argument, str) else ".".join(argument)
        ).partition(".")
        if attribute == "VersionNumber":  # a new one exactly if a property changes
            return json.dumps(self.resolve(self._template["Resources"][name]))
        return f"<{name}.{attribute}>"

    def _sub(self, argument: str | list[Any]) -> str:
        text, names = (argument, {}) if isinstance(argument, str) else argument

        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name in names:
                return str(self.resolve(names[name]))
            return str(self._getatt(name) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^!}]+)\}", replace, text)
