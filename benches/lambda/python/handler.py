"""What `GET /v1/messages/{id}` does, as one would write it for Lambda's Python: one GetItem, the item as JSON."""

import json
import os

import boto3

client = boto3.client("dynamodb")


def handler(event, _context):
    tenant = event["requestContext"]["authorizer"]["jwt"]["claims"]["tenant_id"]
    message = event["rawPath"].rpartition("/")[2]
    item = client.get_item(
        TableName=os.environ["MESSAGES_TABLE"], Key={"pk": {"S": f"{tenant}/{message}"}}, ConsistentRead=True,
    ).get("Item")
    return {"statusCode": 200 if item else 404, "headers": {"content-type": "application/json"}, "body": json.dumps(item)}
