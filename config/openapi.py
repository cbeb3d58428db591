"""What the OpenAPI document says of every operation alike."""

from typing import Any

from governance.state import State

# Named here because several serializers have a field called `state`.
PROPOSAL_STATES = [(each.value, each.value) for each in State]

PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details; `errors` point at the fields that are wrong.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail", "code"],
                "properties": {
                    "pointer": {"type": "string"},
                    "detail": {"type": "string"},
                    "code": {"type": "string"},
                },
            },
        },
    },
}
REFUSED = {
    "description": "Refused: what is wrong, as problem details.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def describe_problems(
    result: dict[str, Any], generator: object, request: object, public: bool
) -> dict[str, Any]:
    """drf-spectacular's postprocessing hook: any operation may answer with a problem."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    for operations in result["paths"].values():
        for operation in operations.values():
            for status in list(operation["responses"]):
                if status >= "400":
                    del operation["responses"][status]
            operation["responses"]["default"] = REFUSED
    return result
