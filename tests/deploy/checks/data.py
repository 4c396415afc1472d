"""Tables, bucket and queues: shaped as the code expects them, encrypted, and not lost by accident."""

import source
from templates import of_type, render

from . import check, differ

KEY = {"Fn::If": ["MakesKey", {"Fn::GetAtt": ["Key", "Arn"]}, {"Ref": "KeyArn"}]}
QUEUES = {"Deliveries": "DeliveriesDlq", "Requests": "RequestsDlq"}
DLQS = {"DeliveriesDlq", "RequestsDlq", "EventsDlq", "ConnectionsStreamDlq", "MessagesStreamDlq"}


@check("data")
def tables(templates):
    there = of_type(templates["data"], "AWS::DynamoDB::Table")
    wanted = source.tables()
    yield from differ("the tables", set(there), set(wanted))
    for name, (keys, indexes) in wanted.items():
        table = there[name]["Properties"]

        def keys_of(schema):
            return {it["KeyType"]: it["AttributeName"] for it in schema}

        yield from differ(f"the keys of {name}", keys_of(table["KeySchema"]), keys)
        found = {
            it["IndexName"]: (keys_of(it["KeySchema"]), it["Projection"].get("NonKeyAttributes", []))
            for it in table["GlobalSecondaryIndexes"]
        }
        yield from differ(f"the indexes of {name}", found, indexes)
        for it in table["GlobalSecondaryIndexes"]:
            kind = "INCLUDE" if indexes[it["IndexName"]][1] else "KEYS_ONLY"
            yield from differ(f"what {it['IndexName']} of {name} holds", it["Projection"]["ProjectionType"], kind)
        attributes = set(keys.values()).union(*(of.values() for of, _ in indexes.values()))
        yield from differ(
            f"the attributes of {name}",
            {it["AttributeName"]: it["AttributeType"] for it in table["AttributeDefinitions"]},
            dict.fromkeys(attributes, "S"),
        )


@check("data")
def kept(templates):
    data = templates["data"]
    for name, it in of_type(data, "AWS::DynamoDB::Table").items():
        table = it["Properties"]
        yield from differ(f"the billing of {name}", table["BillingMode"], "PAY_PER_REQUEST")
        yield from differ(
            f"the time to live of {name}", table["TimeToLiveSpecification"], {"AttributeName": "expires", "Enabled": True}
        )
        yield from differ(f"the stream of {name}", table["StreamSpecification"], {"StreamViewType": "NEW_IMAGE"})
        yield from differ(
            f"the recovery of {name}", table["PointInTimeRecoverySpecification"], {"PointInTimeRecoveryEnabled": True}
        )
        yield from differ(f"the protection of {name}", table["DeletionProtectionEnabled"], {"Ref": "DeletionProtection"})
        yield from differ(
            f"the encryption of {name}", table["SSESpecification"], {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}
        )
    for name in ("Connections", "Messages", "Content"):
        yield from differ(f"the deletion of {name}", data["Resources"][name]["DeletionPolicy"], "RetainExceptOnCreate")
        yield from differ(f"the replacement of {name}", data["Resources"][name]["UpdateReplacePolicy"], "Retain")
    key = data["Resources"]["Key"]
    # Without it, what is retained could not be read.
    yield from differ("what becomes of the key", (key["DeletionPolicy"], key["UpdateReplacePolicy"]), ("RetainExceptOnCreate", "Retain"))
    yield from differ("the rotation of the key", key["Properties"]["EnableKeyRotation"], True)
    *statements, producers = key["Properties"]["KeyPolicy"]["Statement"]
    condition, of_producers, otherwise = producers["Fn::If"]
    yield from differ("the key without producers", (condition, otherwise), ("HasProducers", {"Ref": "AWS::NoValue"}))
    allowed = {
        statement["Sid"]: (render(who), statement["Action"], render(statement.get("Condition", {})))
        for statement in [*statements, of_producers]
        for who in statement["Principal"].values()
    }
    logs = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:*"
    wanted = {
        "Administration": ("arn:${AWS::Partition}:iam::${AWS::AccountId}:root", "kms:*", "{}"),
        "Logs": (
            "logs.${AWS::Region}.${AWS::URLSuffix}",
            ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
            render({"ArnLike": {"kms:EncryptionContext:aws:logs:arn": {"Fn::Sub": logs}}}),
        ),
        "Events": ("events.amazonaws.com", ["kms:Decrypt", "kms:GenerateDataKey"], "{}"),
        "Alarms": (
            "cloudwatch.amazonaws.com",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            render({"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}),
        ),
        "Producers": (
            "${ProducerPrincipals}",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            render({"StringEquals": {"kms:ViaService": {"Fn::Sub": "sqs.${AWS::Region}.amazonaws.com"}}}),
        ),
    }
    yield from differ("who may use the key", allowed, wanted)
    yield from differ("when there is a key", key["Condition"], "MakesKey")
    yield from differ("the default protection", data["Parameters"]["DeletionProtection"]["Default"], "true")


@check("data")
def content(templates):
    data = templates["data"]
    bucket = data["Resources"]["Content"]["Properties"]
    blocked = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    yield from differ("public access", bucket["PublicAccessBlockConfiguration"], dict.fromkeys(blocked, True))
    yield from differ("the owner", bucket["OwnershipControls"]["Rules"], [{"ObjectOwnership": "BucketOwnerEnforced"}])
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    yield from differ(
        "the encryption", encryption["ServerSideEncryptionByDefault"], {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
    )
    # Else each message costs a call to KMS.
    yield from differ("the bucket's own key", encryption["BucketKeyEnabled"], True)
    rules = {it["Id"]: it for it in bucket["LifecycleConfiguration"]["Rules"] if it["Status"] == "Enabled"}
    yield from differ("the retention", rules["content"]["ExpirationInDays"], {"Ref": "ContentRetentionDays"})
    yield from differ("broken uploads", rules["uploads-broken-off"]["AbortIncompleteMultipartUpload"], {"DaysAfterInitiation": 1})
    policy = data["Resources"]["ContentPolicy"]["Properties"]
    yield from differ("the bucket of the policy", policy["Bucket"], {"Ref": "Content"})
    yield from encrypted_transport("the bucket", policy["PolicyDocument"], "s3:*", ["${Content.Arn}", "${Content.Arn}/*"])


def encrypted_transport(what: str, policy: dict, action: str, resources: list):
    """That a policy refuses whoever comes without TLS."""
    denials = [it for it in policy["Statement"] if it.get("Effect") == "Deny"]
    for it in denials:
        there = it["Resource"] if isinstance(it["Resource"], list) else [it["Resource"]]
        found = (it["Principal"], it["Action"], list(map(render, there)), it["Condition"])
        if found == ("*", action, resources, {"Bool": {"aws:SecureTransport": "false"}}):
            return
    yield f"{what} may be reached without TLS"


@check("queue")
def queues(templates):
    queue = templates["queue"]
    there = {name: it["Properties"] for name, it in of_type(queue, "AWS::SQS::Queue").items()}
    yield from differ("the queues", set(there), DLQS | set(QUEUES))
    for name, it in there.items():
        yield from differ(f"the key of {name}", it["KmsMasterKeyId"], {"Ref": "KeyArn"})
        # A call to KMS every hour, not every five minutes.
        yield from differ(f"how long {name} uses a data key", it["KmsDataKeyReusePeriodSeconds"], 3600)
        yield from differ(f"the retention of {name}", it["MessageRetentionPeriod"], 1209600 if name in DLQS else 345600)
        yield from differ(
            f"whether {name} is FIFO",
            (it.get("FifoQueue", False), render(it["QueueName"]).endswith(".fifo")),
            (name.startswith("Deliveries"),) * 2,
        )
    for name, dlq in QUEUES.items():
        yield from differ(
            f"where {name} gives up",
            there[name]["RedrivePolicy"],
            {"deadLetterTargetArn": {"Fn::GetAtt": [dlq, "Arn"]}, "maxReceiveCount": 5},
        )
        redrive = there[dlq]["RedriveAllowPolicy"]
        arn = f"arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{render(there[name]['QueueName'])}"
        yield from differ(
            f"whose dead letters are in {dlq}",
            (redrive["redrivePermission"], list(map(render, redrive["sourceQueueArns"]))),
            ("byQueue", [arn]),
        )
    throughput = (there["Deliveries"]["DeduplicationScope"], there["Deliveries"]["FifoThroughputLimit"])
    yield from differ("the throughput of deliveries", throughput, ("messageGroup", "perMessageGroupId"))
    for name in ("Requests", "RequestsDlq"):
        yield from differ(f"the largest entry of {name}", there[name]["MaximumMessageSize"], {"Ref": "PayloadLimit"})


@check("queue")
def who_may_send(templates):
    queue = templates["queue"]
    policies = of_type(queue, "AWS::SQS::QueuePolicy")
    covered = [it["Ref"] for policy in policies.values() for it in policy["Properties"]["Queues"]]
    yield from differ("the queues with a policy", sorted(covered), sorted(of_type(queue, "AWS::SQS::Queue")))
    senders = {}
    for name, policy in policies.items():
        document = policy["Properties"]["PolicyDocument"]
        of = policy["Properties"]["Queues"]
        resource = f"${{{of[0]['Ref']}.Arn}}" if len(of) == 1 else "*"
        yield from encrypted_transport(name, document, "sqs:*", [resource])
        for statement in document["Statement"]:
            condition, given, _ = statement.get("Fn::If", (None, statement, None))
            if given["Effect"] == "Allow":
                principal = {kind: render(it) for kind, it in given["Principal"].items()}
                within = {test: render(it) for tests in given.get("Condition", {}).values() for test, it in tests.items()}
                senders[render(given["Resource"])] = (given["Action"], principal, condition, within)
    rules = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/${Name}/*"
    wanted = {
        "${Requests.Arn}": ("sqs:SendMessage", {"AWS": "${ProducerPrincipals}"}, "HasProducers", {}),
        "${EventsDlq.Arn}": ("sqs:SendMessage", {"Service": "events.amazonaws.com"}, None, {"aws:SourceArn": rules}),
    }
    yield from differ("who may send", senders, wanted)
    yield from differ("the producers that nobody named", queue["Parameters"]["ProducerPrincipals"]["Default"], "")
