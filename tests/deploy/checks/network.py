"""The network: every address is at a NAT gateway, whatever is asked for; only mail, HTTPS and DNS go out."""

import itertools

from templates import Evaluation, of_type, render

from . import check, differ
from .functions import allowed

MAIL = (25, 465, 587, 2525)


@check("network")
def addresses(templates):
    """In each combination of zones, gateways and addresses, all of them are at a gateway, once, and are told."""
    network = templates["network"]
    brought = [f"eipalloc-0000000{it}" for it in range(1, 8)]
    for count, nats, zones, brings in itertools.product(range(1, 8), (1, 2, 3), (2, 3), (False, True)):
        parameters = {"EgressIpCount": count, "NatGateways": nats, "Zones": zones}
        if brings:
            parameters["EgressAllocationIds"] = ",".join(brought[:count])
        at = Evaluation(network, **parameters)
        gateways = at.resources("AWS::EC2::NatGateway")
        case = f"{count} {'brought' if brings else 'new'} addresses at {nats} gateways in {zones} zones"
        yield from differ(f"gateways for {case}", len(gateways), min(count, nats, zones))
        used = [id_ for it in gateways.values() for id_ in (it["AllocationId"], *it.get("SecondaryAllocationIds", []))]
        wanted = brought[:count] if brings else [f"Address{it}.AllocationId" for it in range(1, count + 1)]
        yield from differ(f"what is in use with {case}", sorted(used), sorted(wanted))
        if any(it.get("SecondaryAllocationIds") == [] for it in gateways.values()):
            yield f"an empty list with {case}"
        most, least = (choose(1 + len(it.get("SecondaryAllocationIds", [])) for it in gateways.values()) for choose in (max, min))
        if most - least > 1:
            yield f"one gateway has more than its share with {case}"
        allocated = at.resources("AWS::EC2::EIP")
        yield from differ(f"what is allocated with {case}", len(allocated), 0 if brings else count)
        if not brings:
            yield from differ(
                f"what is told with {case}", at(network["Outputs"]["EgressIps"]["Value"]).split(","), list(allocated)
            )
    yield from differ("when addresses are told", network["Outputs"]["EgressIps"]["Condition"], "AllocatesAddresses")


@check("network")
def outliving(templates):
    for name, it in of_type(templates["network"], "AWS::EC2::EIP").items():
        yield from differ(f"what {name} is for", it["Properties"]["Domain"], "vpc")
        yield from differ(f"what becomes of {name}", (it["DeletionPolicy"], it["UpdateReplacePolicy"]), ("RetainExceptOnCreate", "Retain"))


@check("network")
def attached(templates):
    """What needs the gateway to the Internet waits until the VPC has it, and goes before it when the stack is deleted."""
    network = templates["network"]
    for kind in ("AWS::EC2::EIP", "AWS::EC2::NatGateway"):
        for name, it in of_type(network, kind).items():
            yield from differ(f"what {name} waits for", it["DependsOn"], "InternetGatewayAttachment")
    yield from differ(
        "what the way out waits for", network["Resources"]["PublicDefaultRoute"]["DependsOn"], "InternetGatewayAttachment"
    )
    attachment = network["Resources"]["InternetGatewayAttachment"]["Properties"]
    yield from differ("the attachment", attachment, {"VpcId": {"Ref": "Vpc"}, "InternetGatewayId": {"Ref": "InternetGateway"}})
    vpc = network["Resources"]["Vpc"]["Properties"]
    yield from differ(
        "the VPC", (vpc["CidrBlock"], vpc["EnableDnsSupport"], vpc["EnableDnsHostnames"]), ({"Ref": "VpcCidr"}, True, True)
    )


@check("network")
def with_the_third_zone(templates):
    network = templates["network"]
    for zones in (2, 3):
        at = Evaluation(network, Zones=zones)
        for kind in ("AWS::EC2::RouteTable", "AWS::EC2::Route"):
            private = [name for name in at.resources(kind) if name.startswith("Private")]
            yield from differ(f"private {kind} in {zones} zones", len(private), zones)


@check("network")
def ways(templates):
    """Each private subnet leaves by a gateway, of its own zone if that has one; no subnet gives out public addresses."""
    network = templates["network"]
    for nats, zones in itertools.product((1, 2, 3), (2, 3)):
        at = Evaluation(network, EgressIpCount=3, NatGateways=nats, Zones=zones)
        subnets = at.resources("AWS::EC2::Subnet")
        gateways = at.resources("AWS::EC2::NatGateway")
        tables = {it["SubnetId"]: it["RouteTableId"] for it in at.resources("AWS::EC2::SubnetRouteTableAssociation").values()}
        yield from differ("subnets with routes", set(tables), set(subnets))
        routes = {
            it["RouteTableId"]: it for it in at.resources("AWS::EC2::Route").values() if it["DestinationCidrBlock"] == "0.0.0.0/0"
        }
        private = at(network["Outputs"]["SubnetIds"]["Value"]).split(",")
        yield from differ("zones of the functions", len({subnets[it]["AvailabilityZone"] for it in private}), zones)
        of_zone = {subnets[it["SubnetId"]]["AvailabilityZone"]: name for name, it in gateways.items()}
        for subnet in private:
            way = routes[tables[subnet]]
            yield from differ(
                f"the way out of {subnet}", way.get("NatGatewayId"), of_zone.get(subnets[subnet]["AvailabilityZone"], "NatA")
            )
        for it in gateways.values():
            yield from differ("the way of a gateway", routes[tables[it["SubnetId"]]].get("GatewayId"), "InternetGateway")
            if it["SubnetId"] in private:
                yield "a gateway is in a private subnet"
        blocks = [it["CidrBlock"] for it in subnets.values()]
        if len(set(blocks)) != len(blocks):
            yield "two subnets have the same addresses"
        if any(it.get("MapPublicIpOnLaunch") for it in subnets.values()):
            yield "a subnet gives out public addresses"
        private_tables = sorted({tables[it] for it in private})
        endpoints = at.resources("AWS::EC2::VPCEndpoint")
        for service, it in (("dynamodb", "DynamoDbEndpoint"), ("s3", "S3Endpoint")):
            endpoint = endpoints[it]
            yield from differ(
                f"the kind of {it}",
                (endpoint["VpcEndpointType"], endpoint["ServiceName"]),
                ("Gateway", f"com.amazonaws.eu-west-3.{service}"),
            )
            yield from differ(f"who reaches {it}", sorted(endpoint["RouteTableIds"]), private_tables)


@check("network")
def endpoints(templates):
    network = templates["network"]
    for name, it in of_type(network, "AWS::EC2::VPCEndpoint").items():
        (statement,) = it["Properties"]["PolicyDocument"]["Statement"]
        service = it["Properties"]["ServiceName"]["Fn::Sub"].rpartition(".")[2]
        action = "secretsmanager:GetSecretValue" if service == "secretsmanager" else f"{service}:*"
        yield from differ(
            f"what {name} lets through",
            (statement["Effect"], statement["Principal"], statement["Action"], statement["Resource"]),
            ("Allow", "*", action, "*"),
        )
        yield from differ(
            f"where {name} leads", statement["Condition"], {"StringEquals": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}}
        )
    without, with_ = (Evaluation(network, SecretsManagerEndpoint=it) for it in ("false", "true"))
    yield from differ(
        "groups that nobody asked for", list(without.resources("AWS::EC2::SecurityGroup")), ["FunctionSecurityGroup"]
    )
    yield from differ(
        "interfaces that nobody asked for",
        [it for it in without.resources("AWS::EC2::VPCEndpoint").values() if it["VpcEndpointType"] == "Interface"],
        [],
    )
    (interface,) = [it for it in with_.resources("AWS::EC2::VPCEndpoint").values() if it["VpcEndpointType"] == "Interface"]
    yield from differ("what it is for", interface["ServiceName"], "com.amazonaws.eu-west-3.secretsmanager")
    yield from differ("its name", interface["PrivateDnsEnabled"], True)
    for zones in (2, 3):
        at = Evaluation(network, SecretsManagerEndpoint="true", Zones=zones)
        subnets = at.resources("AWS::EC2::VPCEndpoint")["SecretsManagerEndpointInterface"]["SubnetIds"]
        yield from differ(f"where it is in {zones} zones", ",".join(subnets), at(network["Outputs"]["SubnetIds"]["Value"]))
    yield from differ("its group", interface["SecurityGroupIds"], ["EndpointSecurityGroup.GroupId"])
    group = with_.resources("AWS::EC2::SecurityGroup")["EndpointSecurityGroup"]
    (rule,) = group["SecurityGroupIngress"]
    yield from differ(
        "who reaches it",
        (rule["FromPort"], rule["ToPort"], rule["SourceSecurityGroupId"]),
        (443, 443, "FunctionSecurityGroup.GroupId"),
    )
    yield from differ(
        "where it goes",
        [(it["CidrIp"], it["FromPort"], it["ToPort"]) for it in group["SecurityGroupEgress"]],
        [("127.0.0.1/32", 443, 443)],
    )


@check("network")
def egress(templates):
    for extra in ("", "2465", "2465,4465,26"):
        at = Evaluation(templates["network"], ExtraPorts=extra, SecretsManagerEndpoint="true")
        group = at.resources("AWS::EC2::SecurityGroup")["FunctionSecurityGroup"]
        # Without it, a group is in the account's own network.
        yield from differ("the VPC of groups", {it["VpcId"] for it in at.resources("AWS::EC2::SecurityGroup").values()}, {"Vpc"})
        rules = {(it["IpProtocol"], int(it["FromPort"]), int(it["ToPort"]), it["CidrIp"]) for it in group["SecurityGroupEgress"]}
        ports = [443, *MAIL, *(int(it) for it in extra.split(",") if it)]
        wanted = {("tcp", it, it, "0.0.0.0/0") for it in ports} | {(it, 53, 53, "10.77.0.0/23") for it in ("udp", "tcp")}
        yield from differ(f"what may go out, with {extra or 'no'} extra ports", sorted(rules), sorted(wanted))
        if not all(it.get("Description") for it in group["SecurityGroupEgress"]):
            yield "a rule does not say what it is for"
        if "SecurityGroupIngress" in group:
            yield "something may come in"


@check("network")
def flow_log(templates):
    (it,) = of_type(templates["network"], "AWS::EC2::FlowLog").values()
    log = it["Properties"]
    yield from differ(
        "what is logged",
        (log["TrafficType"], log["ResourceId"], log["LogGroupName"]),
        ("REJECT", {"Ref": "Vpc"}, {"Ref": "FlowLogGroup"}),
    )
    yield from differ(
        "where to",
        (log["LogDestinationType"], render(log["DeliverLogsPermissionArn"])),
        ("cloud-watch-logs", "${FlowLogRole.Arn}"),
    )
    role = templates["network"]["Resources"]["FlowLogRole"]
    group = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/${Name}/network:*"
    calls = ("CreateLogGroup", "CreateLogStream", "PutLogEvents", "DescribeLogStreams")
    wanted = {("Allow", f"logs:{it}", group, None, None) for it in calls} | {("Allow", "logs:DescribeLogGroups", "*", None, None)}
    yield from differ("what the flow log may do", allowed(role), wanted)
    (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    of = (trust["Principal"], trust["Condition"])
    yield from differ(
        "who it is",
        of,
        ({"Service": "vpc-flow-logs.amazonaws.com"}, {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}),
    )
