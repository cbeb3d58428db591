"""Nothing but a finalized log of the Registry can set what is adopted; each other way is tried."""

import json
import re
from pathlib import Path

import pytest
from django.contrib import admin
from django.core.management import CommandError, call_command, get_commands
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import User
from chain.models import Chain
from config.environment import BASE_DIR
from contributions.models import Adoption
from governance.models import Delegation, Power, Proposal, ProposalCall, Vote
from tests.factories import bearer, make_user
from tests.governance.conftest import changed_policy

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
ADOPTION = {
    "kind": 0,
    "hash": "0x" + "5a" * 32,
    "contentHash": "0x" + "5a" * 32,
    "document_hash": "0x" + "5a" * 32,
    "uri": "/x",
    "effective_epoch": 1,
    "adoptable": True,
    "adopted": True,
}


@pytest.fixture
def before(assembly) -> list:
    return list(Adoption.objects.order_by("pk").values())


@pytest.fixture
def root(db) -> Client:
    """A superuser in the admin."""
    client = Client()
    client.force_login(User.objects.create_superuser("root", "a password of length"))
    return client


@pytest.mark.parametrize(
    "model", [Adoption, Proposal, ProposalCall, Vote, Delegation, Power, Chain]
)
def test_no_admin_form_adds_changes_or_deletes(before, root, rf, model) -> None:
    registered = admin.site._registry.get(model)
    request = rf.get("/")
    request.user = User.objects.get(name="root")
    if registered is not None:
        assert not registered.has_add_permission(request)
        assert not registered.has_change_permission(request)
        assert not registered.has_delete_permission(request)
    base = f"/admin/{model._meta.app_label}/{model._meta.model_name}"
    rows = list(model.objects.order_by("pk").values())
    pages = [f"{base}/add/", f"{base}/"]
    pages += [f"{base}/{row}/{verb}/" for row in keys(model) for verb in ("change", "delete")]
    for page in pages:
        root.post(page, {**ADOPTION, "post": "yes", "action": "delete_selected"})
    assert list(model.objects.order_by("pk").values()) == rows


def keys(model) -> list:
    return list(model.objects.values_list("pk", flat=True)[:1])


def routes(patterns: list, prefix: str = "") -> list[str]:
    found = []
    for each in patterns:
        path = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            found += routes(each.url_patterns, path)
        elif isinstance(each, URLPattern):
            found.append(re.sub(r"<[^>]*>", "1", path))
    return found


def test_no_endpoint_sets_an_adoption(before, client) -> None:
    headers = bearer(make_user(is_staff=True, is_superuser=True))
    paths = [path for path in routes(get_resolver().url_patterns) if path.startswith("api/")]
    assert "api/v1/adoptions" in paths
    for path in paths:
        for method in (client.post, client.put, client.patch, client.delete):
            answer = method(f"/{path}", ADOPTION, format="json", headers=headers)
            assert answer.status_code < 500 or answer.status_code == 503, path
    assert list(Adoption.objects.order_by("pk").values()) == before


def test_no_command_adopts_except_by_following_the_chain(before, tmp_path) -> None:
    names = {name for name, app in get_commands().items() if app in OURS}
    assert {"chain_sync", "rebuild"} <= names
    named = {name for name in names if "adopt" in name or "policy" in name}
    assert named == {"simulate_policy"}
    asked = tmp_path / "policy.json"
    asked.write_text(json.dumps(changed_policy()))
    with pytest.raises(CommandError, match="epoch 1"):
        call_command("simulate_policy", str(asked), epoch=1)
    call_command("chain_sync", "--once")
    assert list(Adoption.objects.order_by("pk").values()) == before


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
