"""The HTTP API: its routes are the operations of openapi.json, each with its scope and its function."""

import source
from templates import of_type, render

from . import check, differ

# The contract's "Who may call": what a token must be allowed to do. Who verifies, or asks for settings, has this system dial:
# that is for those who fill in connections.
SCOPES = {
    "list_connections": "connections:read",
    "get_connection": "connections:read",
    "list_egress_ips": "connections:read",
    "create_connection": "connections:write",
    "update_connection": "connections:write",
    "delete_connection": "connections:write",
    "verify_draft": "connections:write",
    "verify_connection": "connections:write",
    "suggest_settings": "connections:write",
    "list_messages": "messages:read",
    "get_message": "messages:read",
    "explain_sender": "messages:read",
    "submit_message": "messages:send",
    "retry_message": "messages:send",
    "cancel_message": "messages:send",
    "get_openapi": None,
}
EXPOSED = {"etag", "location", "retry-after", "x-request-id"}


def _routes(root: dict) -> dict:
    return {it["Properties"]["RouteKey"]: it["Properties"] for it in of_type(root, "AWS::ApiGatewayV2::Route").values()}


def _function(root: dict, route: dict) -> str:
    """The function that a route leads to."""
    target = render(route["Target"])
    integration = root["Resources"][target.removeprefix("integrations/${").removesuffix("}")]["Properties"]
    return integration["IntegrationUri"]["Fn::GetAtt"][0].removesuffix("Function").lower()


@check("root")
def routes(templates):
    root = templates["root"]
    there = _routes(root)
    (authorizer,) = of_type(root, "AWS::ApiGatewayV2::Authorizer")
    operations = source.operations()
    yield from differ("the operations that have a scope", sorted(operations), sorted(SCOPES))
    for name, (key, needs_token) in operations.items():
        route = there.get(key)
        if route is None:
            yield f"no route for {key}"
            continue
        yield from differ(f"the function of {key}", _function(root, route), source.function_of(name))
        yield from differ(f"the authorization of {key}", route["AuthorizationType"], "JWT" if needs_token else "NONE")
        yield from differ(f"the scope of {key}", route.get("AuthorizationScopes"), [SCOPES[name]] if needs_token else None)
        yield from differ(f"the authorizer of {key}", route.get("AuthorizerId"), {"Ref": authorizer} if needs_token else None)


@check("root")
def other_routes(templates):
    """They have no authorizer, so that no token without a scope gets anywhere by them, and lead to a 404 or 405, or to what allows CORS."""
    root = templates["root"]
    keys = {key: source.function_of(name) for name, (key, _) in source.operations().items()}
    of_path = {key.split(" ")[1]: function for key, function in keys.items()}
    wanted = {f"ANY {path}": function for path, function in of_path.items() if function != "connections"}
    others = {key: route for key, route in _routes(root).items() if key not in keys}
    yield from differ(
        "where other methods go", {key: _function(root, it) for key, it in others.items()}, wanted | {"$default": "connections", "OPTIONS /{proxy+}": "connections"}
    )
    conditional = {name: it["Condition"] for name, it in of_type(root, "AWS::ApiGatewayV2::Route").items() if "Condition" in it}
    yield from differ("the routes that are there under a condition", conditional, {"Preflight": "HasOrigins"})
    for key, route in others.items():
        yield from differ(f"the authorization of {key}", route["AuthorizationType"], "NONE")
        yield from differ(f"the authorizer of {key}", (route.get("AuthorizerId"), route.get("AuthorizationScopes")), (None, None))


@check("root")
def tokens(templates):
    root = templates["root"]
    (authorizer,) = [it["Properties"] for it in of_type(root, "AWS::ApiGatewayV2::Authorizer").values()]
    yield from differ("the authorizer", authorizer["AuthorizerType"], "JWT")
    yield from differ("its source", authorizer["IdentitySource"], ["$request.header.Authorization"])
    yield from differ("its issuer", authorizer["JwtConfiguration"]["Issuer"], {"Ref": "Issuer"})
    yield from differ("its audience", authorizer["JwtConfiguration"]["Audience"], {"Ref": "Audience"})
    for name in ("Issuer", "Audience", "EhloName"):
        if "Default" in root["Parameters"][name]:
            yield f"{name} has a default: nobody would be asked for it"


@check("root")
def integrations(templates):
    root = templates["root"]
    allowed = {
        render(it["Properties"]["FunctionName"])
        for it in of_type(root, "AWS::Lambda::Permission").values()
        if it["Properties"]["Principal"] == "apigateway.amazonaws.com"
        and it["Properties"]["Action"] == "lambda:InvokeFunction"
        and render(it["Properties"]["SourceArn"]).endswith(":${Api}/*")
    }
    for name, it in of_type(root, "AWS::ApiGatewayV2::Integration").items():
        properties = it["Properties"]
        yield from differ(
            f"{name}",
            (properties["IntegrationType"], properties["PayloadFormatVersion"], properties["TimeoutInMillis"]),
            ("AWS_PROXY", "2.0", 30000),
        )
        if f"${{{properties['IntegrationUri']['Fn::GetAtt'][0]}}}" not in allowed:
            yield f"the API may not invoke the function of {name}"


@check("root")
def stage(templates):
    root = templates["root"]
    (it,) = of_type(root, "AWS::ApiGatewayV2::Stage").values()
    stage = it["Properties"]
    yield from differ("the stage", stage["StageName"], "$default")
    yield from differ("its deployment", stage["AutoDeploy"], True)
    settings = stage["DefaultRouteSettings"]
    yield from differ("its rate", settings["ThrottlingRateLimit"], {"Ref": "RequestsPerSecond"})
    yield from differ("its burst", settings["ThrottlingBurstLimit"], {"Ref": "RequestsBurst"})
    # By the routes for any method browsers ask before a page's requests: those must not wait for whoever scans.
    slow = {"$default", "GET /v1/openapi.json"}
    yield from differ("the routes with a rate of their own", sorted(stage["RouteSettings"]), sorted(slow))
    for key, limits in stage["RouteSettings"].items():
        if not 0 < limits["ThrottlingRateLimit"] <= 10 or not 0 < limits["ThrottlingBurstLimit"] <= 20:
            yield f"{key} is not throttled"
    there = {root["Resources"][name]["Properties"]["RouteKey"] for name in it["DependsOn"]}
    yield from differ("the routes it waits for", sorted(there), sorted(slow))
    yield from differ("its access log", render(stage["AccessLogSettings"]["DestinationArn"]), "${ApiLog.Arn}")
    yield from differ("its metrics for each route", settings["DetailedMetricsEnabled"], False)
    for field in ("requestId", "routeKey", "status", "authorizer.error"):
        if f"$context.{field}" not in stage["AccessLogSettings"]["Format"]:
            yield f"the access log says nothing of {field}"


@check("root")
def cors(templates):
    (api,) = of_type(templates["root"], "AWS::ApiGatewayV2::Api").values()
    yield from differ("the protocol", api["Properties"]["ProtocolType"], "HTTP")
    # Explicit resources only: what a body would import, no test could see.
    if "Body" in api["Properties"]:
        yield "the API has a body"
    condition, cors, otherwise = api["Properties"]["CorsConfiguration"]["Fn::If"]
    yield from differ("CORS without origins", (condition, otherwise), ("HasOrigins", {"Ref": "AWS::NoValue"}))
    yield from differ("the origins", cors["AllowOrigins"], {"Ref": "AllowedOrigins"})
    yield from differ("the exposed headers", set(cors["ExposeHeaders"]), EXPOSED)
    yield from differ("the methods", set(cors["AllowMethods"]), {key.split(" ")[0] for key, _ in source.operations().values()})
    for header in ("authorization", "content-type", "idempotency-key", "if-match", "accept-language"):
        if header not in cors["AllowHeaders"]:
            yield f"a page may not send {header}"
