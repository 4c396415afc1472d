"""What CloudFormation would refuse, as far as a test can tell fast: references, functions, required properties, policies."""

import re

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from . import check_each

# How many values a function takes, at least and at most.
VALUES = {
    "Fn::If": (3, 3),
    "Fn::Equals": (2, 2),
    "Fn::Not": (1, 1),
    "Fn::And": (2, 10),
    "Fn::Or": (2, 10),
    "Fn::Join": (2, 2),
    "Fn::Select": (2, 2),
    "Fn::Split": (2, 2),
    "Fn::Cidr": (3, 3),
    "Fn::GetAtt": (2, 2),
    "Fn::Contains": (2, 2),
}
PSEUDO = {f"AWS::{it}" for it in ("AccountId", "NoValue", "Partition", "Region", "StackName", "URLSuffix")}


def _walk(value, path=()):
    """All maps in a value, the outermost first, with their paths."""
    if isinstance(value, dict):
        yield path, value
        for key, it in value.items():
            yield from _walk(it, (*path, key))
    elif isinstance(value, list):
        for index, it in enumerate(value):
            yield from _walk(it, (*path, index))


def _named(text: str, own: dict):
    """What a text of `Fn::Sub` refers to."""
    return (it for it in re.findall(r"\$\{([\w:.]+)\}", text) if it not in own)


@check_each
def references(file, template):
    parameters, resources, conditions = (template.get(it, {}) for it in ("Parameters", "Resources", "Conditions"))
    used = set()
    for section in ("Conditions", "Resources", "Outputs", "Globals", "Rules"):
        for path, it in _walk(template.get(section, {}), (section,)):
            place = f"{file}: {'.'.join(map(str, path))}"
            if not it and len(path) > 1:
                yield f"{place} is empty"
            if path[0] in ("Resources", "Outputs") and len(path) == 2 and "Condition" in it:
                used.add(it["Condition"])
            names = []
            for function, given in it.items() if len(it) == 1 else ():
                if function in VALUES and not VALUES[function][0] <= len(given) <= VALUES[function][1]:
                    yield f"{place}: {function} of {len(given)} values"
                if function == "Fn::If":
                    used.add(given[0])
                elif function == "Condition" and isinstance(given, str):
                    used.add(given)
                elif function == "Ref":
                    names.append(given)
                elif function == "Fn::GetAtt":
                    names.append(given[0])
                elif function == "Fn::Sub":
                    text, own = (given, {}) if isinstance(given, str) else given
                    names += [name.split(".")[0] for name in _named(text, own)]
                    yield from (f"{place}: {name} is not in the text" for name in own if f"${{{name}}}" not in text)
            for name in names:
                if name not in parameters and name not in resources and name not in PSEUDO:
                    yield f"{place}: there is no {name}"
    yield from (f"{file}: there is no condition {it}" for it in used - set(conditions))
    yield from (f"{file}: the condition {it} is of no use" for it in set(conditions) - used)


@check_each
def required(file, template):
    for name, it in template["Resources"].items():
        if not it["Type"].startswith("AWS::Serverless"):
            schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", it["Type"]).schema
            yield from (f"{file}: {name}{place}" for place in _missing(it.get("Properties", {}), schema, schema))


def _missing(value, schema: dict, root: dict, place: str = ""):
    """The required properties that a value lacks. What only a deployment knows (a function) is taken as it is."""
    while "$ref" in schema:
        schema = root["definitions"][schema["$ref"].rpartition("/")[2]]
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)).startswith("Fn::"):
            for it in value["Fn::If"][1:] if "Fn::If" in value else ():
                yield from _missing(it, schema, root, place)
            return
        if "Ref" in value:
            return
        yield from (f"{place} has no {it}" for it in schema.get("required", []) if it not in value)
        for key, it in value.items():
            yield from _missing(it, schema.get("properties", {}).get(key, {}), root, f"{place}.{key}")
    elif isinstance(value, list):
        for it in value:
            yield from _missing(it, schema.get("items", {}), root, place)


@check_each
def policies(file, template):
    for path, it in _walk(template["Resources"], (file,)):
        place = ".".join(map(str, path))
        if "Statement" in it:
            if it.get("Version") != "2012-10-17":
                yield f"{place} has no version"
        elif "Statement" in path and {"Effect", "Action", "Principal", "Resource"} & set(it):
            # A trust policy's resource is its role; a role's policy is the role's.
            trust = "AssumeRolePolicyDocument" in path
            of_role = "Policies" in path
            needed = {"Effect", "Action"} | (set() if of_role else {"Principal"}) | (set() if trust else {"Resource"})
            if needed - set(it):
                yield f"{place} has no {sorted(needed - set(it))}"
            if trust and (it["Effect"], it["Action"]) != ("Allow", "sts:AssumeRole"):
                yield f"{place} trusts nobody"
