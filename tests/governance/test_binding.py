"""Nothing but a finalized log of the Registry can set what is adopted; each other way is tried.

Forms, endpoints and commands are looked up, so one that is added tomorrow is tried as well.
"""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command, get_commands
from django.db.models import AutoField
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient
from rest_framework.throttling import SimpleRateThrottle

from accounts.models import User
from chain.models import Intent, Transaction
from config.environment import BASE_DIR
from contributions import policy
from contributions.models import Adoption
from governance.models import RelayedCall
from governance.people_models import Comment, DelegateProfile
from points.models import Epoch
from tests.factories import make_user
from tests.governance.conftest import changed_policy
from tests.governance.test_relay_abuse import anything

OURS = (
    "accounts",
    "chain",
    "contributions",
    "points",
    "marketplace",
    "governance",
    "web",
    "config",
)
FOREIGN_HASH = "0x" + "5a" * 32
ADOPTION = {
    "kind": 0,
    "hash": FOREIGN_HASH,
    "contentHash": FOREIGN_HASH,
    "document_hash": FOREIGN_HASH,
    "policy_hash": FOREIGN_HASH,
    "uri": "/x",
    "effective_epoch": 1,
    "by": "0x" + "00" * 19 + "01",
    "adoptable": True,
    "adopted": True,
    "action": "delete_selected",
    "post": "yes",
}


def binding() -> list:
    """The models whose rows decide what rules: what projections write and what they read."""
    chain_logs = set(apps.get_app_config("chain").get_models()) - {Intent, Transaction}
    governance = apps.get_app_config("governance").get_models()
    projected = {model for model in governance if model.__module__ == "governance.models"}
    return [Adoption, Epoch, *sorted(chain_logs | projected - {RelayedCall}, key=str)]


def rows(models: list | None = None) -> dict:
    """All that decides, as it is now."""
    return {m: list(m.objects.order_by("pk").values()) for m in models or binding()}


@pytest.fixture
def before(assembly) -> dict:
    """With a proposal that is being voted on, and a document that somebody would like to rule."""
    assembly.propose(anything(assembly))
    policy.register_document(changed_policy())
    found = rows()
    assert found[Adoption]
    return found


@pytest.fixture
def root(db) -> Client:
    """A superuser in the admin."""
    client = Client()
    client.force_login(User.objects.create_superuser("root", "a password of length"))
    return client


def routes(patterns: list, prefix: str = "") -> Iterator[str]:
    """Every path of the site, arguments as `<kind:name>`."""
    for each in patterns:
        path = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from routes(each.url_patterns, path)
        elif isinstance(each, URLPattern):
            yield path


def every(prefix: str) -> list[str]:
    return [path for path in routes(get_resolver().url_patterns) if path.startswith(prefix)]


def test_admin_forms_change_what_people_wrote_and_nothing_else(root, rf) -> None:
    request = rf.get("/")
    request.user = User.objects.get(name="root")
    registered = {model: form for model, form in admin.site._registry.items() if model != Group}
    assert Adoption in registered
    may = {
        verb: {
            m for m, form in registered.items() if getattr(form, f"has_{verb}_permission")(request)
        }
        for verb in ("add", "change", "delete")
    }
    assert may == {"add": set(), "change": {Comment, DelegateProfile}, "delete": set()}


def test_no_admin_page_sets_an_adoption(before, root) -> None:
    tried = 0
    for path in every("admin/"):
        for key in keys_of(path) if "<" in path else [""]:
            root.post("/" + re.sub(r"<[^>]*>", str(key), path), ADOPTION)
            tried += 1
    assert tried > len(admin.site._registry) * 3
    assert rows() == before


def keys_of(path: str) -> list:
    """The key of a row that the admin page is about."""
    for model in admin.site._registry:
        if path.startswith(f"admin/{model._meta.app_label}/{model._meta.model_name}/"):
            return list(model._default_manager.values_list("pk", flat=True)[:1])
    return ["1"]


def body_of(operation: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """A body that has every field of the operation's schema, the adoption's own where they fit."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return {**ADOPTION, **filled(content.get("schema", {}), schemas)}


def filled(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    schema = resolved(schema, schemas)
    return {
        name: ADOPTION.get(name, value_of(resolved(each, schemas), schemas))
        for name, each in schema.get("properties", {}).items()
    }


def resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    for part in (schema, *schema.get("allOf", []), *schema.get("oneOf", [])):
        if "$ref" in part:
            return resolved(schemas[part["$ref"].rsplit("/", 1)[1]], schemas)
    return schema


def value_of(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "string")
    if kind == "object":
        # The only documents in bodies are policies and the like.
        return filled(schema, schemas) or changed_policy()
    simple = {"integer": 1, "number": 1, "boolean": True, "array": [], "string": FOREIGN_HASH}
    return simple[kind if isinstance(kind, str) else kind[0]]


def test_no_endpoint_sets_an_adoption(before, monkeypatch) -> None:
    monkeypatch.setattr(SimpleRateThrottle, "allow_request", lambda *_: True)
    described = json.loads((BASE_DIR / "docs" / "openapi.json").read_text())
    schemas = described["components"]["schemas"]
    # The document and the routes may call an argument by different names.
    paths = {re.sub(r"\{\w+\}", "{}", path): each for path, each in described["paths"].items()}
    found = every("api/v1/")
    assert set(paths) <= {"/" + re.sub(r"<[^>]*>", "{}", path) for path in every("")}
    client = APIClient()
    client.force_authenticate(make_user(is_staff=True, is_superuser=True))
    statuses = set()
    for path in sorted(found):
        url = "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda match: argument(match[1], before), path)
        operations = paths.get("/" + re.sub(r"<[^>]*>", "{}", path), {})
        for method in ("post", "put", "patch", "delete"):
            body = body_of(operations.get(method, {}), schemas)
            answer = getattr(client, method)(url, body, format="json")
            assert answer.status_code < 500 or answer.status_code == 503, (method, url)
            statuses.add(answer.status_code)
    assert {200, 201} & statuses
    assert 429 not in statuses
    assert rows() == before


def argument(name: str, before: dict) -> str:
    """What is there to be meant by an argument of a route."""
    adoption = before[Adoption][0]
    known = {"document_hash": adoption["hash"], "address": adoption["by"]}
    if name == "proposal_id":
        return str(next(v[0]["id"] for m, v in before.items() if m.__name__ == "Proposal"))
    return known.get(name, "1")


def test_no_page_sets_an_adoption(before, root) -> None:
    for path in every(""):
        if not path.startswith(("api/", "admin/")):
            root.post(
                "/" + re.sub(r"<\w+:(\w+)>", lambda m: argument(m[1], before), path), ADOPTION
            )
    assert rows() == before


# What each command is called with. The demonstration, without recordings, ends before it votes.
COMMANDS: dict[str, list[str]] = {
    "audit": ["--offline"],
    "chain_sync": ["--once"],
    "create_invite": [],
    "demo": ["--recordings", "nowhere"],
    "export_training": ["training"],
    "import_recordings": ["--recordings", "nowhere", "--invite", "none"],
    "rebuild": [],
    "simulate_policy": ["policy.json", "--epoch", "1"],
}


def test_every_command_is_tried() -> None:
    assert {name for name, app in get_commands().items() if app in OURS} == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_adopts_what_the_chain_did_not(before, name, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.json").write_text(json.dumps(changed_policy()))
    with contextlib.suppress(CommandError, SystemExit, OSError):
        call_command(name, *COMMANDS[name])
    # The chain may be followed further, and an epoch may open with what is adopted.
    ruling = [m for m in binding() if m._meta.app_label != "chain" and m is not Epoch]
    assert without_numbers(rows(ruling)) == without_numbers({m: before[m] for m in ruling})
    adopted = {row["hash"] for row in before[Adoption]}
    assert set(Epoch.objects.values_list("policy_hash", flat=True)) <= adopted


def without_numbers(found: dict) -> dict:
    """Rebuilding numbers the rows anew."""
    numbered = {model for model in found if isinstance(model._meta.pk, AutoField)}
    return {
        model: [
            {k: v for k, v in row.items() if k != "id" or model not in numbered} for row in each
        ]
        for model, each in found.items()
    }


def test_the_projection_is_the_only_caller_of_adopt() -> None:
    writes = re.compile(r"Adoption\(|Adoption\.objects\.(?:create|get_or_create|bulk|update)")
    callers, writers = set(), set()
    for app in OURS:
        for path in (Path(BASE_DIR) / app).rglob("*.py"):
            text = path.read_text()
            name = str(path.relative_to(BASE_DIR))
            if "policy.adopt(" in text or re.search(r"policy import .*\badopt\b", text):
                callers.add(name)
            if writes.search(text.replace("class Adoption(", "")):
                writers.add(name)
    assert callers == {"governance/project.py"}
    assert writers == {"contributions/policy.py"}
