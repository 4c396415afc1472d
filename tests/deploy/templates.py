"""The deployment's templates: read, rendered, and evaluated as CloudFormation does it."""

import ipaddress
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "root": ROOT / "template.yaml",
    **{name: ROOT / "infra" / f"{name}.yaml" for name in ("network", "data", "queue", "events", "alarms")},
}
NO_VALUE = object()


class _Loader(yaml.SafeLoader):
    pass


def _intrinsic(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _intrinsic)


def read(name: str) -> dict:
    """A template, with intrinsic functions in their long form."""
    return yaml.load(FILES[name].read_text(encoding="utf-8"), _Loader)


def load() -> dict:
    """All templates by name."""
    return {name: read(name) for name in FILES}


def of_type(template: dict, kind: str) -> dict:
    """The resources of a type, by logical id."""
    return {name: it for name, it in template["Resources"].items() if it["Type"] == kind}


def render(value) -> str:
    """A value in the spelling of `Fn::Sub`, whichever way it is written: what may be compared."""
    if isinstance(value, dict) and len(value) == 1:
        ((function, given),) = value.items()
        if function == "Ref":
            return f"${{{given}}}"
        if function == "Fn::GetAtt":
            return f"${{{'.'.join(given)}}}"
        if function == "Fn::Sub" and isinstance(given, str):
            return given
        if function == "Fn::Sub":
            text, names = given
            return re.sub(r"\$\{(\w+)\}", lambda it: render(names[it[1]]) if it[1] in names else it[0], text)
        if function == "Fn::Join":
            separator, parts = given
            return separator.join(map(render, parts)) if isinstance(parts, list) else f"{render(parts)}[{separator}]"
        if function == "Fn::If":
            return f"{given[0]} ? {render(given[1])} : {render(given[2])}"
    return str(value)


class Evaluation:
    """What a template comes to for given parameters. Attributes of resources become `<resource>.<attribute>`."""

    ZONES = ["zone-a", "zone-b", "zone-c"]

    def __init__(self, template: dict, **parameters):
        self.template = template
        self.values = {"AWS::Region": "eu-west-3", "AWS::AccountId": "123456789012", "AWS::Partition": "aws"}
        for name, parameter in template["Parameters"].items():
            value = parameters.get(name, parameter.get("Default", name))
            is_list = parameter["Type"] == "CommaDelimitedList"
            self.values[name] = str(value).split(",") if is_list else str(value)

    def resources(self, kind: str) -> dict:
        """The properties of the resources of a type that there are."""
        found = of_type(self.template, kind)
        there = {name: it for name, it in found.items() if self.holds(it.get("Condition"))}
        return {name: self(it.get("Properties", {})) for name, it in there.items()}

    def holds(self, condition) -> bool:
        return condition is None or self._test({"Condition": condition})

    def _test(self, value) -> bool:
        ((function, given),) = value.items()
        match function:
            case "Condition":
                return self._test(self.template["Conditions"][given])
            case "Fn::Equals":
                return str(self(given[0])) == str(self(given[1]))
            case "Fn::Not":
                return not self._test(given[0])
            case "Fn::And":
                return all(map(self._test, given))
            case "Fn::Or":
                return any(map(self._test, given))
        raise ValueError(f"not a condition: {function}")

    def __call__(self, value):
        if isinstance(value, list):
            return [it for it in map(self, value) if it is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) != 1 or not (next(iter(value)) == "Ref" or next(iter(value)).startswith("Fn::")):
            pairs = ((name, self(it)) for name, it in value.items())
            return {name: it for name, it in pairs if it is not NO_VALUE}
        ((function, given),) = value.items()
        match function:
            case "Ref":
                return NO_VALUE if given == "AWS::NoValue" else self.values.get(given, given)
            case "Fn::GetAtt":
                return ".".join(given)
            case "Fn::If":
                return self(given[1] if self.holds(given[0]) else given[2])
            case "Fn::Join":
                return given[0].join(map(str, self(given[1])))
            case "Fn::Split":
                return self(given[1]).split(given[0])
            case "Fn::Select":
                return self(given[1])[int(given[0])]
            case "Fn::GetAZs":
                return self.ZONES
            case "Fn::Cidr":
                network, count, bits = self(given)
                subnets = ipaddress.ip_network(network).subnets(new_prefix=32 - bits)
                return [str(next(subnets)) for _ in range(count)]
            case "Fn::Sub":
                text, names = (given, {}) if isinstance(given, str) else given
                found = {**self.values, **{name: self(it) for name, it in names.items()}}
                return re.sub(r"\$\{([\w:]+)\}", lambda it: str(found.get(it[1], it[0])), text)
        raise ValueError(f"not known: {function}")
