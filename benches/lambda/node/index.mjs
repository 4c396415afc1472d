// What `GET /v1/messages/{id}` does, as one would write it for Lambda's Node: one GetItem, the item as JSON.
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";

const client = new DynamoDBClient({});

export const handler = async (event) => {
  const tenant = event.requestContext.authorizer.jwt.claims.tenant_id;
  const id = event.rawPath.split("/").pop();
  const { Item } = await client.send(new GetItemCommand({
    TableName: process.env.MESSAGES_TABLE,
    Key: { pk: { S: `${tenant}/${id}` } },
    ConsistentRead: true,
  }));
  return { statusCode: Item ? 200 : 404, headers: { "content-type": "application/json" }, body: JSON.stringify(Item ?? null) };
};
