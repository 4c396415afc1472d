"""What a reader and an operator need of each template: words, limits, tags, reasons; and that the stacks fit together."""

from templates import of_type, render

from . import check, check_each, differ

ALL = ("root", "network", "data", "queue", "events", "alarms")
STACKS = {"Data": "data", "Queue": "queue", "NetworkStack": "network", "Events": "events", "Alarms": "alarms"}
CHOICES = {
    "Network": ["nat", "none"],
    "Ambiguous": ["retry", "hold"],
    "Architecture": ["arm64", "x86_64"],
    "Tracing": ["PassThrough", "Active"],
}
LIMITS = ("AllowedValues", "AllowedPattern")
# CloudFormation hands the tags of a nested stack on to what is in it; these types in the root have none.
UNTAGGED = {
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    # By the globals.
    "AWS::Serverless::Function",
}
SUBNETS = "${PrivateSubnetA},${PrivateSubnetB},ThirdZone ? ${PrivateSubnetC} : ${AWS::NoValue}"
MORE = ",".join(f"Has{it} ? ${{Address{it}}} : ${{AWS::NoValue}}" for it in range(2, 8))
DASHBOARD = "https://${AWS::Region}.console.aws.amazon.com/cloudwatch/home?region=${AWS::Region}#dashboards:name=${Alarms.Outputs.DashboardName}"
NAMED = ("Deliveries", "DeliveriesDlq", "Requests", "RequestsDlq", "EventsDlq", "ConnectionsStreamDlq", "MessagesStreamDlq")
# What each template tells.
OUTPUTS = {
    "root": {
        "ApiUrl": "${Api.ApiEndpoint}",
        "ApiId": "${Api}",
        "EgressAddresses": "AllocatesAddresses ? ${NetworkStack.Outputs.EgressIps} : ${EgressIps}[,]",
        "ResourceFunctionArn": "${ResourceFunction.Arn}",
        "SecretPrefix": "${AWS::StackName}",
        "DashboardUrl": DASHBOARD,
        **{it: f"${{Queue.Outputs.{it}}}" for it in ("DeliveriesUrl", "RequestsUrl", "RequestsArn")},
        **{it: f"${{Events.Outputs.{it}}}" for it in ("BusName", "BusArn")},
        **{it: f"${{Data.Outputs.{it}}}" for it in ("KeyArn", "ConnectionsTable", "MessagesTable", "ContentBucket")},
    },
    "network": {
        "VpcId": "${Vpc}",
        "SubnetIds": SUBNETS,
        "SecurityGroupId": "${FunctionSecurityGroup.GroupId}",
        "EgressIps": "${Address1}," + MORE,
    },
    "data": {
        "KeyArn": "MakesKey ? ${Key.Arn} : ${KeyArn}",
        "ContentBucket": "${Content}",
        "ContentBucketArn": "${Content.Arn}",
        **{f"{it}Table": f"${{{it}}}" for it in ("Connections", "Messages")},
        **{f"{it}TableArn": f"${{{it}.Arn}}" for it in ("Connections", "Messages")},
        **{f"{it}StreamArn": f"${{{it}.StreamArn}}" for it in ("Connections", "Messages")},
    },
    "queue": {
        **{f"{it}Name": f"${{{it}.QueueName}}" for it in NAMED},
        **{f"{it}Url": f"${{{it}}}" for it in ("Deliveries", "Requests")},
        **{f"{it}Arn": f"${{{it}.Arn}}" for it in NAMED if it not in ("DeliveriesDlq", "RequestsDlq")},
    },
    "events": {"BusName": "${Bus}", "BusArn": "${Bus.Arn}"},
    "alarms": {"DashboardName": "${Dashboard}", "AlarmTopicArn": "GivenTopic ? ${AlarmTopicArn} : ${Topic}"},
}
# What other stacks import: docs/connections-as-code.md.
EXPORTS = {"root": {"ResourceFunctionArn": "${AWS::StackName}-ResourceFunctionArn"}}
# Where a nested stack's parameter comes from if not from the root's parameter of its name.
HANDED_ON = {
    "Name": "${AWS::StackName}",
    "ApiId": "${Api}",
    "SubmitFunctionArn": "${SubmitFunction.Arn}",
    "SweepFunctionArn": "${SweepFunction.Arn}",
    **{f"{it}Function": f"${{{it}Function}}" for it in ("Connections", "Verify", "Submit", "Deliver", "Sweep", "Resource")},
    **{f"{it}Name": f"${{Queue.Outputs.{it}Name}}" for it in NAMED},
    **{it: f"${{Queue.Outputs.{it}}}" for it in ("EventsDlqArn", "ConnectionsStreamDlqArn", "MessagesStreamDlqArn")},
    **{it: f"${{Data.Outputs.{it}}}" for it in ("ConnectionsStreamArn", "MessagesStreamArn")},
    **{it: f"${{{it}}}[,]" for it in ("EgressAllocationIds", "ProducerPrincipals", "PublisherPrincipals")},
}
TAGS = {"application": "mittente", "stack": {"Ref": "AWS::StackName"}}


@check_each
def parameters(file, template):
    for name, it in template["Parameters"].items():
        if not it.get("Description"):
            yield f"{file}: {name} has no description"
        if not it.get("ConstraintDescription"):
            yield f"{file}: {name} does not say what it may be"
        if not any(it.get(limit) for limit in LIMITS) and not {"MinValue", "MaxValue"} <= set(it):
            yield f"{file}: {name} may be anything"


@check("root")
def asked_for(templates):
    root = templates["root"]
    asked = {name for name, it in root["Parameters"].items() if "Default" not in it}
    yield from differ("what has to be given", sorted(asked), ["Audience", "EhloName", "Issuer"])
    choices = {name: root["Parameters"][name]["AllowedValues"] for name in CHOICES}
    yield from differ("what may be chosen", choices, CHOICES)
    groups = root["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    yield from differ("the parameters in groups", sorted(grouped), sorted(root["Parameters"]))


@check("root")
def rules(templates):
    (rule,) = templates["root"]["Rules"].values()
    (assertion,) = rule["Assertions"]
    nothing_brought, nothing_named = ({"Fn::Contains": [{"Ref": it}, ""]} for it in ("EgressAllocationIds", "EgressIps"))
    yield from differ("what is asserted", assertion["Assert"], {"Fn::Or": [nothing_brought, {"Fn::Not": [nothing_named]}]})
    if not assertion["AssertDescription"]:
        yield "the rule does not say what it is about"


@check_each
def outputs(file, template):
    for name, it in template["Outputs"].items():
        if not it.get("Description"):
            yield f"{file}: {name} has no description"
        yield from differ(f"{file}: {name}", render(it["Value"]), OUTPUTS[file][name])
    yield from differ(f"the outputs of {file}", sorted(template["Outputs"]), sorted(OUTPUTS[file]))
    exports = {name: render(it["Export"]["Name"]) for name, it in template["Outputs"].items() if "Export" in it}
    yield from differ(f"the exports of {file}", exports, EXPORTS.get(file, {}))
    if file == "alarms":
        yield from differ("when the topic is told", template["Outputs"]["AlarmTopicArn"]["Condition"], "Tells")


@check(*ALL)
def stacks(templates):
    root = templates["root"]
    there = of_type(root, "AWS::CloudFormation::Stack")
    yield from differ(
        "the stacks",
        {name: it["Properties"]["TemplateURL"] for name, it in there.items()},
        {name: f"infra/{file}.yaml" for name, file in STACKS.items()},
    )
    yield from differ("when there is a network", there["NetworkStack"].get("Condition"), "HasNetwork")
    for name, file in STACKS.items():
        # With a default or without: what the root leaves out would be decided twice.
        yield from differ(
            f"the parameters of {name}", sorted(there[name]["Properties"]["Parameters"]), sorted(templates[file]["Parameters"])
        )
        for parameter, value in there[name]["Properties"]["Parameters"].items():
            # The key is given to the first, or made by it, and then handed on.
            wanted = (
                "${Data.Outputs.KeyArn}"
                if parameter == "KeyArn" and name != "Data"
                else HANDED_ON.get(parameter, f"${{{parameter}}}")
            )
            yield from differ(f"{parameter} for {name}", render(value), wanted)
    for name, template in ((file, templates[file]) for file in STACKS.values()):
        for parameter, it in template["Parameters"].items():
            above = root["Parameters"].get(parameter, it)
            ours, theirs = (
                {key: of.get(key) for key in ("Type", "Default", "MinValue", "MaxValue", *LIMITS)} for of in (it, above)
            )
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


@check_each
def wildcards(file, template):
    """Each `*` in a policy has its reason, in the resource's metadata by the statement's `Sid`; and no reason is left over."""
    for name, it in template["Resources"].items():
        there = {
            statement.get("Sid", "a statement without a Sid")
            for statement in _statements(it.get("Properties", {}))
            if "*"
            in f"{statement.get('Action')}{statement.get('Resource')}{statement.get('Principal')}{statement.get('Condition')}"
            # The ARN of a log group ends so.
            or any(str(of).endswith("Log', 'Arn']}") for of in [statement.get("Resource")])
        }
        reasons = {sid for sid, reason in it.get("Metadata", {}).get("Wildcards", {}).items() if reason}
        yield from (f"{file}: {name}: why does {sid} have a *?" for sid in there - reasons)
        yield from (f"{file}: {name}: {sid} has no *" for sid in reasons - there)
