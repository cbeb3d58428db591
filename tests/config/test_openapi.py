"""The API as a document: committed, true, and unbroken by whatever is sent."""

import json
from collections.abc import Iterator

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts import tokens
from accounts.models import Scope
from config import environment
from config.wsgi import application
from tests import factories

DOCUMENT = environment.BASE_DIR / "docs" / "openapi.json"
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)


def test_the_committed_document_is_what_the_code_says(tmp_path):
    path = tmp_path / "openapi.json"
    call_command("spectacular", "--format", "openapi-json", "--file", str(path), "--fail-on-warn")
    assert json.loads(path.read_text()) == json.loads(DOCUMENT.read_text()), "run `make generate`"


def test_every_operation_says_who_may_call_it():
    document = json.loads(DOCUMENT.read_text())
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation.get("description"), f"{method} {path}"


OPERATIONS = [
    (method, path)
    for path, operations in json.loads(DOCUMENT.read_text())["paths"].items()
    for method in operations
]


def test_an_address_nothing_answers_is_a_problem_for_programs_and_a_page_for_people(client, db):
    for path in ("/api/v1/nothing", "/api/v1/epochs/not-a-number"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == 404
    assert client.get("/nothing")["Content-Type"].startswith("text/html")


@pytest.fixture
def kept_connection(db) -> Iterator[None]:
    """As Django's own test client does: the end of a request does not close the connection."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_request_breaks_the_service_or_the_document(
    method: str, path: str, chain, kept_connection
):
    _, secret = tokens.issue(user=factories.make_user(), label="fuzz", scopes=Scope.values)
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)

    @given(case=schema[path][method].as_strategy())
    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    def holds(case: schemathesis.Case) -> None:
        response = case.call(headers={"Authorization": f"Bearer {secret}"})
        case.validate_response(response, checks=CHECKS)

    holds()
