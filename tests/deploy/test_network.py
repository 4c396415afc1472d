"""The network as moto creates it: whether the parts find each other.

moto doesn't know `Fn::Cidr`, nor what a condition leaves out: both are worked out before. It leaves out the secondary addresses
of NAT gateways, which route table is whose, and what security groups let out: `checks.network` asserts those from the template.
"""

import json
import unittest

import boto3
import templates
from botocore.config import Config
from moto import mock_aws

REGION = "eu-west-3"
# moto takes the calls to the real endpoints, so the one that is configured is left aside. What it let through would end at a
# proxy that is not there.
MOTO = Config(ignore_configured_endpoint_urls=True)
KEY = "arn:aws:kms:eu-west-3:123456789012:key/00000000-0000-0000-0000-000000000000"


def _settled(value, at: templates.Evaluation):
    """The value with each `Fn::Cidr` and `Fn::If` worked out."""
    if isinstance(value, dict):
        if "Fn::Cidr" in value:
            return at(value)
        if "Fn::If" in value:
            condition, holds, otherwise = value["Fn::If"]
            return _settled(holds if at.holds(condition) else otherwise, at)
        return {key: _settled(it, at) for key, it in value.items() if not _left_out(it, at)}
    if isinstance(value, list):
        return [_settled(it, at) for it in value if not _left_out(it, at)]
    return value


def _left_out(value, at: templates.Evaluation) -> bool:
    return _settled(value, at) == {"Ref": "AWS::NoValue"} if isinstance(value, dict) else False


class Stack:
    """The stack of the network in moto, for given parameters."""

    def __init__(self, **parameters):
        network = templates.load()["network"]
        at = templates.Evaluation(network, **parameters)
        for section in ("Resources", "Outputs"):
            there = {name: it for name, it in network[section].items() if at.holds(it.get("Condition"))}
            network[section] = _settled(there, at)
        body = json.dumps(network)
        given = {"Name": "mittente", "KeyArn": KEY, **parameters}
        pairs = [{"ParameterKey": key, "ParameterValue": str(value)} for key, value in given.items()]
        self.cloudformation = cloudformation = boto3.client("cloudformation", REGION, config=MOTO)
        cloudformation.create_stack(StackName="mittente", TemplateBody=body, Parameters=pairs, Capabilities=["CAPABILITY_IAM"])
        (stack,) = cloudformation.describe_stacks(StackName="mittente")["Stacks"]
        self.status = stack["StackStatus"]
        self.outputs = {it["OutputKey"]: it["OutputValue"] for it in stack["Outputs"]}
        self.ec2 = boto3.client("ec2", REGION, config=MOTO)
        self.of_vpc = [{"Name": "vpc-id", "Values": [self.outputs["VpcId"]]}]

    def subnets(self) -> dict:
        found = self.ec2.describe_subnets(Filters=self.of_vpc)["Subnets"]
        return {it["SubnetId"]: it for it in found}

    def gateways(self) -> dict:
        return {it["NatGatewayId"]: it for it in self.ec2.describe_nat_gateways(Filters=self.of_vpc)["NatGateways"]}

    def table(self, name: str) -> dict:
        """The route table with this logical id."""
        (resource,) = self.cloudformation.describe_stack_resources(StackName="mittente", LogicalResourceId=name)["StackResources"]
        (table,) = self.ec2.describe_route_tables(RouteTableIds=[resource["PhysicalResourceId"]])["RouteTables"]
        return table

    def way_out(self, name: str) -> dict:
        """The default route in that table."""
        (route,) = [it for it in self.table(name)["Routes"] if it.get("DestinationCidrBlock") == "0.0.0.0/0"]
        return route


@mock_aws
class Network(unittest.TestCase):
    def test_each_zone_leaves_by_a_gateway_of_its_own_and_that_by_the_internet(self):
        stack = Stack(Zones=3, NatGateways=3, EgressIpCount=7)
        self.assertEqual(stack.status, "CREATE_COMPLETE")
        subnets, gateways = stack.subnets(), stack.gateways()
        private = stack.outputs["SubnetIds"].split(",")
        self.assertEqual((len(subnets), len(gateways), len(private)), (6, 3, 3))
        self.assertEqual(len({subnets[it]["AvailabilityZone"] for it in private}), 3)
        for subnet, zone in zip(private, "ABC", strict=True):
            gateway = gateways[stack.way_out(f"PrivateRoutes{zone}")["NatGatewayId"]]
            self.assertNotIn(gateway["SubnetId"], private)
            self.assertEqual(subnets[gateway["SubnetId"]]["AvailabilityZone"], subnets[subnet]["AvailabilityZone"])
        self.assertTrue(stack.way_out("PublicRoutes")["GatewayId"].startswith("igw-"))

    def test_the_addresses_that_are_told_are_those_that_are_allocated(self):
        stack = Stack(EgressIpCount=7)
        addresses = {it["PublicIp"] for it in stack.ec2.describe_addresses()["Addresses"]}
        self.assertEqual(set(stack.outputs["EgressIps"].split(",")), addresses)
        self.assertEqual(len(addresses), 7)

    def test_addresses_that_are_brought_are_used_and_no_other_is_allocated(self):
        ec2 = boto3.client("ec2", REGION, config=MOTO)
        brought = [ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(2)]
        stack = Stack(EgressIpCount=2, EgressAllocationIds=",".join(brought))
        used = {address["AllocationId"] for it in stack.gateways().values() for address in it["NatGatewayAddresses"]}
        self.assertEqual(used, set(brought))
        self.assertEqual(len(ec2.describe_addresses()["Addresses"]), 2)
        self.assertNotIn("EgressIps", stack.outputs)

    def test_one_gateway_serves_all_zones_where_only_one_is_paid_for(self):
        stack = Stack(NatGateways=1, EgressIpCount=2)
        (gateway,) = stack.gateways()
        for zone in "AB":
            self.assertEqual(stack.way_out(f"PrivateRoutes{zone}")["NatGatewayId"], gateway)

    def test_tables_and_buckets_are_reached_without_the_gateway(self):
        stack = Stack()
        endpoints = stack.ec2.describe_vpc_endpoints(Filters=stack.of_vpc)["VpcEndpoints"]
        services = {it["ServiceName"].rpartition(".")[2]: it for it in endpoints}
        self.assertEqual(set(services), {"dynamodb", "s3"})
        private = {stack.table(f"PrivateRoutes{zone}")["RouteTableId"] for zone in "AB"}
        for it in services.values():
            self.assertEqual(set(it["RouteTableIds"]), private)
