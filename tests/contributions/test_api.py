"""The API of recorded work, and everybody who may not call it."""

import gzip
import json
import uuid
from pathlib import Path

import pytest
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import User
from contributions import keys, verify
from contributions.models import State, Workflow
from lam_core.release import load_release
from tests import factories
from tests.contributions import recorded

pytestmark = pytest.mark.django_db
URL = "/api/v1/workflows"


@pytest.fixture
def client():
    return APIClient()


@pytest.fixture
def user():
    return factories.make_user()


def post(client, user, body, **headers):
    return client.post(
        URL,
        body,
        content_type="application/json",
        headers={**factories.bearer(user, "contribute"), **headers},
    )


def test_a_workflow_is_submitted_once(client, user):
    body = recorded.envelope(recorded.document())
    first, again = post(client, user, body), post(client, user, body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert first.json()["state"] == "submitted"
    assert first.json()["verdict"] is None


def test_a_compressed_workflow_is_taken(client, user):
    body = gzip.compress(recorded.envelope(recorded.document()))
    assert post(client, user, body, **{"Content-Encoding": "gzip"}).status_code == 201


def test_an_error_points_at_the_field(client, user):
    document = recorded.document()
    document["steps"][0]["at"] = "soon"
    answer = post(client, user, recorded.envelope(document))
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/workflow/steps/0/at", "schema")


def test_two_errors_are_both_told(client, user):
    document = recorded.document(source="elsewhere")
    document["task"]["name"] = ""
    answer = post(client, user, recorded.envelope(document))
    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert pointers == {"/workflow/source", "/workflow/task/name"}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[1]", b"null"])
def test_garbage_is_refused(client, user, body):
    assert post(client, user, body).status_code == 400


def test_a_body_over_the_limit_is_refused_before_it_is_parsed(client, user, settings):
    settings.MAX_BODY_BYTES = 1_000
    answer = post(client, user, b"x" * 1_001)
    assert answer.status_code == 413
    assert answer.json()["type"].endswith("body_too_large")


def test_a_zip_bomb_is_refused(client, user, settings):
    settings.MAX_BODY_BYTES = 1_000_000
    bomb = gzip.compress(b"0" * 50_000_000)
    assert len(bomb) < 60_000
    assert post(client, user, bomb, **{"Content-Encoding": "gzip"}).status_code == 413


@pytest.mark.parametrize("cut", [slice(0, -3), slice(5, None)])
def test_a_damaged_gzip_body_is_refused(client, user, cut):
    body = gzip.compress(recorded.envelope(recorded.document()))[cut]
    assert post(client, user, body, **{"Content-Encoding": "gzip"}).status_code == 400


def test_something_after_the_gzip_body_is_refused(client, user):
    body = gzip.compress(recorded.envelope(recorded.document())) + b"more"
    assert post(client, user, body, **{"Content-Encoding": "gzip"}).status_code == 400


def test_another_encoding_is_refused(client, user):
    assert post(client, user, b"x", **{"Content-Encoding": "br"}).status_code == 415


def test_without_consent_submitting_is_forbidden(client):
    user = factories.make_user(consent=False)
    answer = post(client, user, recorded.envelope(recorded.document()))
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("consent_missing")


def test_other_content_under_the_same_id_is_a_conflict(client, user):
    document = recorded.document()
    post(client, user, recorded.envelope(document))
    other = recorded.document(id=document["id"], offset=7)
    assert post(client, user, recorded.envelope(other)).status_code == 409


def test_one_sees_ones_own_work_with_its_verdict(client, user, operator):
    row = recorded.submitted(user, operator)
    verify.assess(row, release=load_release("rules-1"))
    recorded.submitted(factories.make_user())
    headers = factories.bearer(user, "read")
    (shown,) = client.get(URL, headers=headers).json()["results"]
    assert shown == client.get(f"{URL}/{row.pk}", headers=headers).json()
    assert shown["verdict"]["accepted"] is True
    assert shown["attested_by"] == operator.address
    assert "ciphertext" not in shown


def test_the_list_is_paged_newest_first_and_filtered(client, user):
    rows = [recorded.submitted(user) for _ in range(5)]
    headers = factories.bearer(user, "read")
    page = client.get(f"{URL}?page_size=2", headers=headers).json()
    ids = [row["id"] for row in page["results"]]
    while page["next"]:
        page = client.get(page["next"], headers=headers).json()
        ids += [row["id"] for row in page["results"]]
    assert ids == [str(row.pk) for row in reversed(rows)]
    assert client.get(f"{URL}?state=accepted", headers=headers).json()["results"] == []
    assert len(client.get(f"{URL}?task=enter-text", headers=headers).json()["results"]) == 5


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("state=nowhere", 400),
        ("task=%00", 400),
        ("source=%00", 400),
        ("cursor=zz", 404),
        ("cursor=cD0lMDA=", 404),
        ("cursor=cD1ub3QtYS10aW1l", 404),
        ("page_size=-1", 200),
    ],
)
def test_a_wrong_query_is_no_crash(client, user, query, status):
    recorded.submitted(user)
    answer = client.get(f"{URL}?{query}", headers=factories.bearer(user, "read"))
    assert answer.status_code == status


def test_a_node_that_is_away_is_a_clear_error(client, user, operator, settings):
    settings.ETH_RPC_URL = "http://127.0.0.1:1"
    document = recorded.document()
    attested = recorded.attest(operator, recorded.document())
    answer = post(client, user, recorded.envelope(document, attested))
    assert answer.status_code == 503
    assert answer.json()["type"].endswith("chain_unavailable")
    assert not Workflow.objects.exists()


def test_query_counts_do_not_grow(client, user, operator, django_assert_num_queries):
    headers = factories.bearer(user, "read")
    for count in (1, 3):
        for number in range(count):
            row = recorded.submitted(user, operator, offset=700 * number + count)
            verify.assess(row, release=load_release("rules-1"))
        with django_assert_num_queries(2):
            client.get(URL, headers=headers)
        with django_assert_num_queries(2):
            client.get(f"{URL}/{row.pk}", headers=headers)
        with django_assert_num_queries(8):
            b"".join(client.get("/api/v1/export", headers=headers).streaming_content)


def test_one_sees_exactly_what_was_collected(client, user):
    document = recorded.document()
    post(client, user, recorded.envelope(document))
    headers = factories.bearer(user, "read")
    content = client.get(f"{URL}/{document['id']}/content", headers=headers).json()
    assert content["task"] == document["task"]
    assert len(content["steps"]) == 2


def test_content_without_its_key_is_a_clear_error(client, user):
    row = recorded.submitted(user)
    keys.destroy(contributor_id=user.pk, workflow_id=row.pk)
    answer = client.get(f"{URL}/{row.pk}/content", headers=factories.bearer(user, "read"))
    assert answer.status_code == 503
    assert answer.json()["type"].endswith("missing_key")


def test_deleting_withdraws_and_again_is_harmless(client, user):
    row = recorded.submitted(user)
    headers = factories.bearer(user, "contribute", "read")
    assert client.delete(f"{URL}/{row.pk}", headers=headers).status_code == 204
    assert client.delete(f"{URL}/{row.pk}", headers=headers).status_code == 204
    shown = client.get(f"{URL}/{row.pk}", headers=headers).json()
    assert (shown["state"], shown["task"]) == ("withdrawn", "")
    assert shown["withdrawn_at"]
    assert client.get(f"{URL}/{row.pk}/content", headers=headers).status_code == 410


def test_the_export_holds_everything_about_a_person(client, user, operator):
    row = recorded.submitted(user, operator)
    verify.assess(row, release=load_release("rules-1"))
    gone = recorded.submitted(user)
    client.delete(f"{URL}/{gone.pk}", headers=factories.bearer(user))
    recorded.submitted(factories.make_user())
    answer = client.get("/api/v1/export", headers=factories.bearer(user, "read"))
    document = json.loads(b"".join(answer.streaming_content))
    assert document["wallets"][0]["address"] == factories.key_of(user).address
    assert [consent["scope"] for consent in document["consents"]] == ["contribute"]
    first, second = document["workflows"]
    assert first["body"]["task"]["instruction"] == "Enter Alice into the field."
    assert first["verdict"]["goal"] == "attested"
    assert (second["state"], second["body"]) == ("withdrawn", None)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("get", "workflows", "read"),
        ("post", "workflows", "contribute"),
        ("get", "workflows/{id}", "read"),
        ("delete", "workflows/{id}", "contribute"),
        ("get", "workflows/{id}/content", "read"),
        ("get", "export", "read"),
    ],
)
def test_nobody_else_gets_in(client, user, settings, method, path, scope):
    row = recorded.submitted(user)
    url = f"/api/v1/{path.format(id=row.pk)}"
    call = getattr(client, method)
    body = {"format": "json", "data": {}} if method == "post" else {}
    assert call(url, **body).status_code == 401
    revoked, secret = tokens.issue(user=user)
    tokens.revoke(user=user, token_id=revoked.pk)
    headers = {"Authorization": f"Bearer {secret}"}
    assert call(url, headers=headers, **body).status_code == 401
    others = {"read", "contribute", "automate", "account"} - {scope}
    assert call(url, headers=factories.bearer(user, *others), **body).status_code == 403
    if "{id}" in path:
        stranger = factories.bearer(factories.make_user())
        assert call(url, headers=stranger).status_code == 404
        assert (
            call(url.replace(str(row.pk), str(uuid.uuid4())), headers=stranger).status_code == 404
        )
    row.refresh_from_db()
    assert row.state == State.SUBMITTED
    assert Workflow.objects.count() == 1
    assert keys.read(contributor_id=user.pk, workflow_id=row.pk)
    assert len(list(Path(settings.KEY_STORE_DIR).rglob("*.json"))) == 1


def test_auditors_read_work_in_the_admin_and_change_nothing(client, user, operator):
    row = recorded.submitted(user, operator)
    verify.assess(row, release=load_release("rules-1"))
    auditor = User.objects.create_superuser("auditor", "a long passphrase")
    client.force_login(auditor)
    for model in ("workflow", "verdict", "withdrawal", "document", "adoption"):
        assert client.get(f"/admin/contributions/{model}/").status_code == 200
        assert client.get(f"/admin/contributions/{model}/add/").status_code == 403
        assert client.post(f"/admin/contributions/{model}/add/", {}).status_code == 403
    page = client.get(f"/admin/contributions/workflow/{row.pk}/change/")
    assert page.status_code == 200
    assert b"ciphertext" not in page.content.lower()
    assert client.get(f"/admin/contributions/verdict/{row.pk}/change/").status_code == 200
    changed = client.post(f"/admin/contributions/workflow/{row.pk}/change/", {"task": "x"})
    assert changed.status_code == 403
    assert client.get("/admin/contributions/workflow/?q=enter").status_code == 200


def post_batch(client, user, body, *scopes):
    return client.post(
        f"{URL}/batch",
        body if isinstance(body, bytes) else json.dumps(body).encode(),
        content_type="application/json",
        headers=factories.bearer(user, *(scopes or ("contribute",))),
    )


def enveloped(*documents):
    return {"workflows": [{"workflow": each} for each in documents]}


def test_each_workflow_of_a_batch_has_a_result_of_its_own(client, user):
    good, bad, taken = (recorded.document() for _ in range(3))
    bad["steps"][0]["at"] = "soon"
    recorded.submitted(factories.make_user(), id=taken["id"])
    answer = post_batch(client, user, enveloped(good, bad, taken, good))
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [each["status"] for each in results] == [201, 400, 409, 200]
    assert [each["id"] for each in results] == [good["id"], None, None, good["id"]]
    assert results[1]["problem"]["errors"][0]["pointer"] == "/workflow/steps/0/at"
    assert results[0]["problem"] is None
    assert post(client, user, json.dumps({"workflow": bad})).json() == results[1]["problem"]
    assert Workflow.objects.filter(contributor=user).count() == 1


def test_a_batch_sent_again_is_harmless(client, user):
    body = enveloped(*(recorded.document() for _ in range(3)))
    first, again = post_batch(client, user, body), post_batch(client, user, body)
    assert [each["status"] for each in first.json()["results"]] == [201] * 3
    assert [each["status"] for each in again.json()["results"]] == [200] * 3
    assert Workflow.objects.count() == 3


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"workflows": []}, "/workflows"),
        ({"workflows": {}}, "/workflows"),
        ([], "/workflows"),
        ({}, "/workflows"),
        ({"workflows": [{}] * 101}, "/workflows"),
        ({"workflows": [{}], "more": 1}, "/more"),
    ],
)
def test_what_is_no_batch_is_refused_by_field(client, user, body, pointer):
    answer = post_batch(client, user, body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_batch_that_is_no_json_is_refused(client, user):
    answer = post_batch(client, user, b"{")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("entry", [None, 3, "x", [], {"workflow": None}])
def test_an_entry_that_is_no_envelope_stops_no_other(client, user, entry):
    body = {"workflows": [entry, {"workflow": recorded.document()}]}
    results = post_batch(client, user, body).json()["results"]
    assert [each["status"] for each in results] == [400, 201]


def test_who_may_not_contribute_submits_no_batch(client, user):
    body = enveloped(recorded.document())
    assert client.post(f"{URL}/batch", body, format="json").status_code == 401
    assert post_batch(client, user, body, "read").status_code == 403
    refused = post_batch(client, factories.make_user(consent=False), body)
    assert refused.status_code == 403
    assert refused.json()["type"].endswith("consent_missing")
    assert not Workflow.objects.exists()
