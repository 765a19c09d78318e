"""What a real IAM answers and the sandbox does not: a 501 that says so, never a wrong answer."""

from iac.sandbox.message import Response, json_response

GAPS = {
    "/actuator": "health and metrics tell nothing of clients; /actuator/info is there",
    "/scim": "users come from the seed; /scim/Me is there",
    "/iam/api/exchange": "policies of token exchange by scope, path or pattern: no recording shows them",
    "/dashboard": "the pages of a browser for clients and accounts",
    "/userinfo": "its claims come from the whole profile of a user",
    "implicit": "tokens in a redirect's address: no recording shows them",
    "redelegate": "a grant of MitreID: no recording shows its answer",
}


def gap(name: str) -> Response:
    """The answer of something that is not there; `name` is its row in `GAPS`."""
    return json_response(501, {"error": f"not in the sandbox: {name}: {GAPS[name]}"})
