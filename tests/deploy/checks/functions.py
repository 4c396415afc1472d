"""The functions: built and run as they should be, with the variables that they read and the permissions that they use."""

import re

import source
from templates import ROOT, of_type, render

from . import check, differ

INSIDE = {"verify", "deliver"}
INTERFACES = {
    f"ec2:{action}"
    for action in (
        "CreateNetworkInterface",
        "DescribeNetworkInterfaces",
        "DescribeSubnets",
        "DeleteNetworkInterface",
        "AssignPrivateIpAddresses",
        "UnassignPrivateIpAddresses",
    )
}
# Where a variable's value comes from if not from the parameter of its name.
VALUES = {
    "CONNECTIONS_TABLE": "${Data.Outputs.ConnectionsTable}",
    "MESSAGES_TABLE": "${Data.Outputs.MessagesTable}",
    "CONTENT_BUCKET": "${Data.Outputs.ContentBucket}",
    "DELIVERY_QUEUE_URL": "${Queue.Outputs.DeliveriesUrl}",
    "SECRET_PREFIX": "${AWS::StackName}",
    "EGRESS_IPS": "AllocatesAddresses ? ${NetworkStack.Outputs.EgressIps} : ${EgressIps}[,]",
    "AWS_ENDPOINT_URL": "HasEndpoint ? ${AwsEndpointUrl} : ${AWS::NoValue}",
}
RESOURCES = {
    "connections": "${Data.Outputs.ConnectionsTableArn}",
    "messages": "${Data.Outputs.MessagesTableArn}",
    "content": "${Data.Outputs.ContentBucketArn}/*",
    "deliveries": "${Queue.Outputs.DeliveriesArn}",
    "secrets": "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${AWS::StackName}/*",
}
# Secrets that are not this deployment's: those that somebody tagged with its name.
TAGGED = (
    "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:*",
    "StringEquals secretsmanager:ResourceTag/mittente ${AWS::StackName}",
)
KEY = "${Data.Outputs.KeyArn}"


def _function(root: dict, name: str) -> dict:
    return root["Resources"][f"{name.capitalize()}Function"]["Properties"]


@check("root")
def built(templates):
    root = templates["root"]
    usual = root["Globals"]["Function"]
    yield from differ("the runtime", (usual["Runtime"], usual["Handler"]), ("provided.al2023", "bootstrap"))
    yield from differ("the architecture", usual["Architectures"], [{"Ref": "Architecture"}])
    yield from differ("its default", root["Parameters"]["Architecture"]["Default"], "arm64")
    yield from differ("tracing", usual["Tracing"], {"Ref": "Tracing"})
    yield from differ("its default", root["Parameters"]["Tracing"]["Default"], "PassThrough")
    there = {name.removesuffix("Function").lower() for name in of_type(root, "AWS::Serverless::Function")}
    yield from differ("the functions", there, set(source.FUNCTIONS))
    for name in source.FUNCTIONS:
        resource, function = root["Resources"][f"{name.capitalize()}Function"], _function(root, name)
        yield from differ(
            f"how {name} is built", resource["Metadata"], {"BuildMethod": "rust-cargolambda", "BuildProperties": {"Binary": name}}
        )
        # From its package: a build of the workspace would unite its dependencies' features with those of the benches.
        yield from differ(f"where {name} is built", function["CodeUri"], f"functions/{name}")
        yield from differ(f"the name of {name}", render(function["FunctionName"]), f"${{AWS::StackName}}-{name}")
        yield from differ(f"the memory of {name}", function["MemorySize"], {"Ref": f"{name.capitalize()}Memory"})
        yield from differ(f"whether {name} is in the VPC", "VpcConfig" in function, name in INSIDE)
        if name in INSIDE:
            condition, inside, otherwise = function["VpcConfig"]["Fn::If"]
            yield from differ(f"when {name} is in the VPC", (condition, otherwise), ("HasNetwork", {"Ref": "AWS::NoValue"}))
            yield from differ(
                f"the group of {name}", list(map(render, inside["SecurityGroupIds"])), ["${NetworkStack.Outputs.SecurityGroupId}"]
            )
            yield from differ(
                f"the subnets of {name}",
                inside["SubnetIds"],
                {"Fn::Split": [",", {"Fn::GetAtt": ["NetworkStack", "Outputs.SubnetIds"]}]},
            )

    reserved = {"Fn::If": ["ReservesVerify", {"Ref": "VerifyConcurrency"}, {"Ref": "AWS::NoValue"}]}
    yield from differ("what is reserved for verify", _function(root, "verify")["ReservedConcurrentExecutions"], reserved)


def _seconds(path: str, constant: str) -> int:
    """The seconds of a constant in a source."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return int(re.search(rf"\b{constant}: Duration = Duration::from_secs\((\d+)\)", text)[1])


@check("root", "queue")
def times(templates):
    """API Gateway waits for 30 s, verify ends by itself after 25, an entry is out of sight for longer than it is worked on."""
    root, queue = templates["root"], templates["queue"]
    parameters = {name: root["Parameters"][_function(root, name)["Timeout"]["Ref"]] for name in source.FUNCTIONS}
    for name in ("connections", "verify", "submit"):
        if parameters[name]["MaxValue"] >= 30:
            yield f"{name} may take longer than API Gateway waits"
    if parameters["verify"]["MinValue"] <= 25:
        yield "verify may be ended before it ends by itself"
    if parameters["resource"]["MinValue"] <= _seconds("functions/resource/src/response.rs", "SENDING"):
        yield "resource may be left without time to work"
    yield from differ("the default of deliver", parameters["deliver"]["Default"], 420)
    visible = {name: it["Properties"].get("VisibilityTimeout", 30) for name, it in of_type(queue, "AWS::SQS::Queue").items()}
    yield from differ("how long a delivery is out of sight", visible["Deliveries"], 450)
    if visible["Deliveries"] <= parameters["deliver"]["MaxValue"]:
        yield "an entry comes again while it is worked on"
    if visible["Requests"] < 6 * parameters["submit"]["MaxValue"]:
        yield "a request comes again while it is worked on"


@check("root")
def variables(templates):
    root = templates["root"]
    common = root["Globals"]["Function"]["Environment"]["Variables"]
    for name in source.FUNCTIONS:
        there = common | _function(root, name)["Environment"]["Variables"]
        yield from differ(f"the variables of {name}", sorted(there), sorted(source.variables(name)))
        for variable, value in there.items():
            of_parameter = "".join(part.capitalize() for part in variable.split("_"))
            yield from differ(f"{variable} of {name}", render(value), VALUES.get(variable, f"${{{of_parameter}}}"))
    # Lambda gives all variables of a function 4096 octets, names and values together. The others need up to a thousand.
    yield from differ("the most that PRIVATE_CA may take", root["Parameters"]["PrivateCa"]["MaxLength"], 3000)
    yield from differ("the most that DENIED_NETWORKS may take", root["Parameters"]["DeniedNetworks"].get("MaxLength"), 1500)


def statements(role: dict):
    """The statements of a role's own policies, each with the condition of the template under which it is there."""
    for policy in role["Properties"].get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            if "Fn::If" in statement:
                condition, given, otherwise = statement["Fn::If"]
                if otherwise != {"Ref": "AWS::NoValue"}:
                    raise ValueError("a statement in the place of another")
                yield given, condition
            else:
                yield statement, None


def listed(value) -> list:
    return value if isinstance(value, list) else [value]


def allowed(role: dict) -> set:
    """What a role allows: (action, resource, condition, when), each by itself."""
    return {
        (it["Effect"], action, render(resource), _condition(it.get("Condition")), when)
        for it, when in statements(role)
        for action in listed(it["Action"])
        for resource in listed(it["Resource"])
    }


def _condition(condition: dict | None) -> str | None:
    if condition is None:
        return None
    ((operator, tests),) = condition.items()
    ((key, values),) = tests.items()
    return f"{operator} {key} {' '.join(sorted(map(render, listed(values))))}"


def _used(templates: dict, name: str) -> set:
    """What a function uses: what its code calls, and what Lambda does in its name."""
    root = templates["root"]
    title = name.capitalize()
    used, found = set(), set()
    for action, resource in source.permissions(name):
        if resource == "secrets of templates":
            # And never a tenant's, whatever tags it has: it could then be shown to another server.
            found |= {("Allow", action, *TAGGED, None), ("Deny", action, RESOURCES["secrets"], None, None)}
            continue
        table, slash, index = resource.partition("/")
        used.add((action, f"{RESOURCES[table]}{slash}{index}"))
        if action == "s3:GetObject":
            # Who may not list gets AccessDenied for what is not there.
            used.add(("s3:ListBucket", RESOURCES[table].removesuffix("/*")))
    for mapping in of_type(root, "AWS::Lambda::EventSourceMapping").values():
        if mapping["Properties"]["FunctionName"] == {"Ref": f"{title}Function"}:
            queue = render(mapping["Properties"]["EventSourceArn"])
            used |= {(f"sqs:{action}", queue) for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")}
    if name == "submit":
        failures = templates["events"]["Resources"]["SubmitFailures"]["Properties"]["DestinationConfig"]["OnFailure"][
            "Destination"
        ]
        used.add(("sqs:SendMessage", render(root["Resources"]["Events"]["Properties"]["Parameters"][failures["Ref"]])))
    found |= {("Allow", action, resource, None, None) for action, resource in used}
    # Secrets Manager has a key of its own. The other services use ours in the name of whoever calls them. DynamoDB has the table's own key
    # decrypted, whatever it is asked (its manual, "Encryption at rest: how it works"); SQS has data keys decrypted for who reads and who sends, and
    # made for who sends (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html); S3 has them
    # decrypted for GetObject and made for PutObject.
    actions = {action for action, _ in used}
    services = {action.split(":")[0] for action in actions}
    reads = services & {"dynamodb", "sqs"} | ({"s3"} if "s3:GetObject" in actions else set())
    writes = {service for service, action in (("s3", "s3:PutObject"), ("sqs", "sqs:SendMessage")) if action in actions}
    for action, through in (("kms:Decrypt", reads), ("kms:GenerateDataKey", writes)):
        via = " ".join(sorted(f"{it}.${{AWS::Region}}.amazonaws.com" for it in through))
        if through:
            found.add(("Allow", action, KEY, f"StringEquals kms:ViaService {via}", None))
    found |= {("Allow", f"logs:{action}", f"${{{title}Log.Arn}}", None, None) for action in ("CreateLogStream", "PutLogEvents")}
    if name in INSIDE:
        itself = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:" + render(
            _function(root, name)["FunctionName"]
        )
        for action in INTERFACES:
            found.add(("Allow", action, "*", None, "HasNetwork"))
            found.add(("Deny", action, "*", f"ArnEquals lambda:SourceFunctionArn {itself}", "HasNetwork"))
    return found


@check("root", "events")
def permissions(templates):
    root = templates["root"]
    for name in source.FUNCTIONS:
        role = root["Resources"][_function(root, name)["Role"]["Fn::GetAtt"][0]]
        may, used = allowed(role), _used(templates, name)
        yield from (f"{name} may not {' '.join(filter(None, it))}" for it in used - may)
        yield from (f"{name} may {' '.join(filter(None, it))}, and does not" for it in may - used)
        trust = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        yield from differ(f"who is {name}", [it["Principal"] for it in trust], [{"Service": "lambda.amazonaws.com"}])
        condition, managed, otherwise = role["Properties"]["ManagedPolicyArns"]["Fn::If"]
        tracing = (condition, list(map(render, managed)), otherwise)
        wanted = ("Traces", ["arn:${AWS::Partition}:iam::aws:policy/AWSXRayDaemonWriteAccess"], {"Ref": "AWS::NoValue"})
        yield from differ(f"the managed policies of {name}", tracing, wanted)
    roles = [_function(root, name)["Role"]["Fn::GetAtt"][0] for name in source.FUNCTIONS]
    if len(set(roles)) != len(roles):
        yield "two functions share a role"


@check("root")
def secrets(templates):
    """The matrix, by the templates alone: who may do what with passwords."""
    root = templates["root"]
    wanted = {
        "connections": {"CreateSecret"},
        "verify": {"GetSecretValue"},
        "submit": set(),
        "deliver": {"GetSecretValue"},
        "sweep": {"DeleteSecret"},
        # What it reads are not the tenants'.
        "resource": {"CreateSecret", "GetSecretValue"},
    }
    for name, actions in wanted.items():
        role = root["Resources"][f"{name.capitalize()}Role"]
        text = [action for it, _ in statements(role) for action in listed(it["Action"]) if it["Effect"] == "Allow"]
        there = {it.partition(":")[2] for it in text if re.match(r"(secretsmanager:|\*)", it)}
        yield from differ(f"what {name} may do with secrets", there, actions)


@check("root")
def batches(templates):
    root = templates["root"]
    wanted = {"DeliverFunction": ("Deliveries", "DeliverConcurrency"), "SubmitFunction": ("Requests", "RequestsConcurrency")}
    there = {
        it["Properties"]["FunctionName"]["Ref"]: it["Properties"]
        for it in of_type(root, "AWS::Lambda::EventSourceMapping").values()
    }
    yield from differ("the functions behind queues", set(there), set(wanted))
    for function, (queue, concurrency) in wanted.items():
        mapping = there[function]
        yield from differ(f"the queue of {function}", render(mapping["EventSourceArn"]), f"${{Queue.Outputs.{queue}Arn}}")
        yield from differ(f"the batch of {function}", mapping["BatchSize"], 10)
        yield from differ(f"the answer of {function}", mapping["FunctionResponseTypes"], ["ReportBatchItemFailures"])
        yield from differ(f"the concurrency of {function}", mapping["ScalingConfig"]["MaximumConcurrency"], {"Ref": concurrency})


@check("root")
def invocations_by_stacks(templates):
    (it,) = of_type(templates["root"], "AWS::Lambda::EventInvokeConfig").values()
    # As long as CloudFormation waits for an answer.
    wanted = {
        "FunctionName": {"Ref": "ResourceFunction"},
        "Qualifier": "$LATEST",
        "MaximumRetryAttempts": 2,
        "MaximumEventAgeInSeconds": 3600,
    }
    yield from differ("how often a stack's request is tried", it["Properties"], wanted)
