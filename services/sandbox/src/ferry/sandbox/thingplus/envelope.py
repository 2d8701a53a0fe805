"""Thing+'s envelope around every answer, and its errors."""

from typing import Any

from ferry.sandbox.web.refusal import RefusalError

MESSAGES = {
    200: "OK",
    201: "Created",
    204: "No Content",
    207: "Multi-Status",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Payload Too Large",
    429: "Too Many Requests",
    444: "No Response",
    471: "Billing Limit Exceeded",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    600: "Unknown Error",
}
CATEGORIES = {
    "SCHEMA_VALIDATE": "REQUEST_ERROR",
    "INVALID_INPUT": "REQUEST_ERROR",
    "NOT_FOUND": "REQUEST_ERROR",
    "MISMATCH_ERROR": "REQUEST_ERROR",
    "CONFLICT": "REQUEST_ERROR",
    "NEED_LOGIN": "AUTHENTICATION_ERROR",
    "ACCESSGROUP_DENY": "AUTHORIZATION_ERROR",
    "ACL_DENY": "AUTHORIZATION_ERROR",
    "BILLING": "BILLING_ERROR",
    "PROCESS_COMMAND_RESULT": "GATEWAY_ERROR",
    "RELATION_ERROR": "DB_ERROR",
    "QUERY_RESULT_EMPTY": "DB_ERROR",
    "NOT_FOUND_IN_ITEM": "DB_ERROR",
    "DB_INTERNAL_ERROR": "DB_ERROR",
}
"""What is in none of them, JSON_PARSING too, is a SERVER_ERROR."""
LIMIT_OF_MESSAGE = 500


def success(status: int, data: Any, meta: dict[str, Any] | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {"statusCode": status, "message": MESSAGES[status], "data": data}
    if meta is not None:
        body["_meta"] = meta
    return body


def error(code: str, message: str) -> dict[str, str]:
    return {
        "category": CATEGORIES.get(code, "SERVER_ERROR"),
        "code": code,
        "message": message[:LIMIT_OF_MESSAGE],
    }


def failure(status: int, code: str, message: str) -> dict[str, Any]:
    return {
        "statusCode": status,
        "message": MESSAGES.get(status, "Error"),
        "errors": [error(code, message)],
    }


class ThingPlusError(RefusalError):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, failure(status, code, message))
        self.code = code
        self.message = message


def bad_schema(message: str) -> ThingPlusError:
    return ThingPlusError(400, "SCHEMA_VALIDATE", message)


def bad_input(message: str) -> ThingPlusError:
    return ThingPlusError(400, "INVALID_INPUT", message)


def not_found(what: str, name: str) -> ThingPlusError:
    return ThingPlusError(404, "NOT_FOUND", f"{what} {name!r} does not exist")


def not_yours(what: str, name: str) -> ThingPlusError:
    return ThingPlusError(403, "ACCESSGROUP_DENY", f"{what} {name!r} belongs to someone else")


def mismatch(message: str) -> ThingPlusError:
    return ThingPlusError(400, "MISMATCH_ERROR", message)


def over_plan(what: str) -> ThingPlusError:
    return ThingPlusError(471, "BILLING", f"the plan's number of {what} is used up")
