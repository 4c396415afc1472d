"""What a reader and an operator need of each template: words, limits, tags, reasons; and that the stacks fit together."""

from templates import of_type

from . import check, differ

ALL = ("root", "network", "data", "queue", "events", "alarms")
STACKS = {"Data": "data", "Queue": "queue", "NetworkStack": "network", "Events": "events", "Alarms": "alarms"}
LIMITS = ("AllowedValues", "AllowedPattern")
# CloudFormation hands the tags of a nested stack on to what is in it; these types in the root have none.
UNTAGGED = {
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::Lambda::Permission",
    # By the globals.
    "AWS::Serverless::Function",
}
TAGS = {"application": "mittente", "stack": {"Ref": "AWS::StackName"}}


@check(*ALL)
def parameters(templates):
    for file, template in templates.items():
        for name, it in template["Parameters"].items():
            if not it.get("Description"):
                yield f"{file}: {name} has no description"
            if not it.get("ConstraintDescription"):
                yield f"{file}: {name} does not say what it may be"
            if not any(it.get(limit) for limit in LIMITS) and not ("MinValue" in it and ("MaxValue" in it or file != "root")):
                yield f"{file}: {name} may be anything"
    root = templates["root"]
    groups = root["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    yield from differ("the parameters in groups", sorted(grouped), sorted(root["Parameters"]))


@check(*ALL)
def outputs(templates):
    for file, template in templates.items():
        for name, it in template["Outputs"].items():
            if not it.get("Description"):
                yield f"{file}: {name} has no description"
    needed = {"ApiUrl", "EgressIps", "DeliveriesUrl", "RequestsUrl", "BusName", "BusArn", "DashboardUrl"}
    yield from differ("outputs that are missing", sorted(needed - set(templates["root"]["Outputs"])), [])


@check(*ALL)
def stacks(templates):
    root = templates["root"]
    there = of_type(root, "AWS::CloudFormation::Stack")
    yield from differ("the stacks", {name: it["Properties"]["TemplateURL"] for name, it in there.items()}, {name: f"infra/{file}.yaml" for name, file in STACKS.items()})
    yield from differ("when there is a network", there["NetworkStack"].get("Condition"), "HasNetwork")
    for name, file in STACKS.items():
        # With a default or without: what the root leaves out would be decided twice.
        yield from differ(f"the parameters of {name}", sorted(there[name]["Properties"]["Parameters"]), sorted(templates[file]["Parameters"]))
    for name, template in ((file, templates[file]) for file in STACKS.values()):
        for parameter, it in template["Parameters"].items():
            above = root["Parameters"].get(parameter, it)
            ours, theirs = ({key: of.get(key) for key in ("Type", "Default", *LIMITS)} for of in (it, above))
            # A key that is not given is made, and then handed on.
            if parameter != "KeyArn":
                yield from differ(f"{parameter} of {name}", ours, theirs)
    for reference in _references(root):
        stack, _, output = reference
        if output not in templates[STACKS[stack]]["Outputs"]:
            yield f"{stack} has no output {output}"


def _references(value):
    """The outputs of nested stacks that a value refers to, as (stack, "Outputs", name)."""
    if isinstance(value, dict):
        get = value.get("Fn::GetAtt")
        if get and get[1].startswith("Outputs."):
            yield (get[0], *get[1].split("."))
        for it in value.values():
            yield from _references(it)
    elif isinstance(value, list):
        for it in value:
            yield from _references(it)


@check("root")
def tags(templates):
    root = templates["root"]
    yield from differ("the tags of functions", root["Globals"]["Function"]["Tags"], TAGS)
    for name, it in root["Resources"].items():
        if it["Type"] not in UNTAGGED:
            there = it["Properties"].get("Tags", {})
            there = there if isinstance(there, dict) else {tag["Key"]: tag["Value"] for tag in there}
            yield from differ(f"the tags of {name}", there, TAGS)


def _statements(value):
    """The policy statements anywhere in a value."""
    if isinstance(value, dict):
        if "Effect" in value and ("Resource" in value or "Principal" in value):
            yield value
        for it in value.values():
            yield from _statements(it)
    elif isinstance(value, list):
        for it in value:
            yield from _statements(it)


@check(*ALL)
def wildcards(templates):
    """Each `*` in a policy has its reason, in the `Wildcards` of the resource's metadata, by the statement's `Sid`; and none is left over."""
    for file, template in templates.items():
        for name, it in template["Resources"].items():
            there = {
                statement.get("Sid", "a statement without a Sid")
                for statement in _statements(it.get("Properties", {}))
                if "*" in f"{statement.get('Action')}{statement.get('Resource')}{statement.get('Principal')}{statement.get('Condition')}"
                # The ARN of a log group ends so.
                or any(str(of).endswith("Log', 'Arn']}") for of in [statement.get("Resource")])
            }
            reasons = {sid for sid, reason in it.get("Metadata", {}).get("Wildcards", {}).items() if reason}
            yield from (f"{file}: {name}: why does {sid} have a *?" for sid in there - reasons)
            yield from (f"{file}: {name}: {sid} has no *" for sid in reasons - there)
