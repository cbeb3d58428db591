"""Drafts and the discussion around proposals: who may write, what shows, what leaves a trace."""

import uuid

import pytest
from django.test import Client

from accounts.models import User
from governance.models import Proposal
from governance.people_models import Comment, ProposalDraft
from tests.factories import bearer, key_of, make_user
from tests.governance.conftest import LAM
from tests.governance.test_api import get, post, titled

DRAFT = {
    "template": "parameter",
    "parameter": "quorum_percent",
    "value": "7",
    "title": "A higher quorum",
    "body": "So that *more* take part.",
}


@pytest.fixture
def author(chain, db) -> User:
    """A person without any LAM."""
    return make_user()


@pytest.fixture
def holder(assembly) -> User:
    """A person to whom a holder of 10 LAM gave 1."""
    user = make_user()
    address = key_of(user).address
    assert assembly.call(assembly.holders[2], "LAMToken", "transfer", address, LAM).succeeded
    return user


def draft(user: User, **fields) -> dict:
    return {**DRAFT, "proposer": key_of(user).address, **fields}


def change(client, method: str, path: str, body=None, headers=None):
    call = getattr(client, method)
    return call(f"/api/v1/{path}", body or {}, format="json", headers=headers or {})


def test_a_draft_is_its_authors_until_it_is_shared(client, author) -> None:
    mine = bearer(author)
    made = post(client, "proposal-drafts", draft(author), mine)
    assert made.status_code == 201
    path = f"proposal-drafts/{made.json()['id']}"
    assert made.json()["transaction"]["data"].startswith("0x7d5e81e2")
    assert "<em>more</em>" in made.json()["body_html"]
    for headers in ({}, bearer(make_user())):
        assert get(client, path, headers).status_code == 404
        assert get(client, "proposal-drafts", headers).json()["count"] == 0
    assert get(client, path, mine).json()["template_fields"] == {
        "parameter": "quorum_percent",
        "value": "7",
    }
    shared = change(client, "put", path, draft(author, shared=True, value="8"), mine)
    assert shared.json()["proposal_id"] != made.json()["proposal_id"]
    assert get(client, path).json()["shared"]
    # For good: others may have answered.
    change(client, "put", path, draft(author), mine)
    assert get(client, path).status_code == 200
    assert get(client, "proposal-drafts?mine=true", bearer(make_user())).json()["count"] == 0


def test_nobody_else_changes_or_deletes_a_draft(client, author) -> None:
    made = post(client, "proposal-drafts", draft(author, shared=True), bearer(author)).json()
    path = f"proposal-drafts/{made['id']}"
    other = make_user()
    before = ProposalDraft.objects.values().get()
    for headers, status in (({}, 401), (bearer(author, "read"), 403), (bearer(other), 404)):
        assert change(client, "put", path, draft(other), headers).status_code == status
        assert change(client, "delete", path, headers=headers).status_code == status
        assert (post(client, "proposal-drafts", headers=headers).status_code) in {400, status}
    assert ProposalDraft.objects.values().get() == before
    assert change(client, "delete", path, headers=bearer(author)).status_code == 204
    assert not ProposalDraft.objects.exists()


def test_a_draft_that_was_proposed_stays_as_it_is(client, author) -> None:
    made = post(client, "proposal-drafts", draft(author, shared=True), bearer(author)).json()
    Proposal.objects.create(
        id=int(made["proposal_id"]),
        proposer=key_of(author).address,
        description="# A higher quorum",
        vote_start=1,
        vote_end=2,
        created_at=0,
        block_number=1,
        transaction_hash="0x" + "ab" * 32,
    )
    path = f"proposal-drafts/{made['id']}"
    assert get(client, path).json()["proposed"]
    assert change(client, "put", path, draft(author), bearer(author)).status_code == 409
    assert change(client, "delete", path, headers=bearer(author)).status_code == 409


def test_a_draft_that_cannot_be_built_names_the_field_and_is_not_kept(client, author) -> None:
    answer = post(client, "proposal-drafts", draft(author, value="101"), bearer(author))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/value"
    assert not ProposalDraft.objects.exists()


def test_an_author_has_only_so_many_drafts(client, author, monkeypatch) -> None:
    monkeypatch.setattr("governance.drafts.DRAFTS_MAX", 1)
    assert post(client, "proposal-drafts", draft(author), bearer(author)).status_code == 201
    assert post(client, "proposal-drafts", draft(author), bearer(author)).status_code == 409
    assert ProposalDraft.objects.count() == 1


@pytest.fixture
def shared(client, holder) -> str:
    made = post(client, "proposal-drafts", draft(holder, shared=True), bearer(holder))
    return made.json()["id"]


def test_holders_discuss_and_others_read(client, holder, shared) -> None:
    said = {"draft": shared, "body": "I **agree**."}
    assert post(client, "comments", said).status_code == 401
    assert post(client, "comments", said, bearer(holder, "read")).status_code == 403
    refused = post(client, "comments", said, bearer(make_user()))
    assert refused.status_code == 403
    assert "holds LAM" in refused.json()["detail"]
    assert not Comment.objects.exists()
    assert post(client, "comments", said, bearer(holder)).status_code == 201
    shown = get(client, f"comments?draft={shared}").json()["results"]
    assert [(c["author"], c["body_html"]) for c in shown] == [
        (key_of(holder).address, "<p>I <strong>agree</strong>.</p>\n")
    ]


def test_the_discussion_of_a_draft_goes_with_the_proposal(client, assembly, holder) -> None:
    proposal = assembly.propose(titled(assembly, "Anything"))
    proposed = post(client, "proposal-drafts", draft(holder, shared=True), bearer(holder)).json()
    ProposalDraft.objects.update(proposal=proposal.pk)
    for about in ({"proposal": str(proposal.pk)}, {"draft": proposed["id"]}):
        said = post(client, "comments", {**about, "body": "Well."}, bearer(holder))
        assert said.status_code == 201
    assert get(client, f"comments?proposal={proposal.pk}").json()["count"] == 2


def test_a_comment_is_edited_and_deleted_by_its_author_only(client, holder, shared) -> None:
    said = post(client, "comments", {"draft": shared, "body": "Frist."}, bearer(holder)).json()
    path = f"comments/{said['id']}"
    for headers, status in (({}, 401), (bearer(holder, "read"), 403), (bearer(make_user()), 404)):
        assert change(client, "put", path, {"body": "No."}, headers).status_code == status
        assert change(client, "delete", path, headers=headers).status_code == status
    edited = change(client, "put", path, {"body": "First."}, bearer(holder)).json()
    assert (edited["body"], edited["edited_at"] is None) == ("First.", False)
    assert change(client, "delete", path, headers=bearer(holder)).status_code == 204
    shown = get(client, f"comments?draft={shared}").json()["results"]
    assert [(c["body"], c["deleted_at"] is None) for c in shown] == [("", False)]
    assert change(client, "put", path, {"body": "Back."}, bearer(holder)).status_code == 404


def test_an_admin_hides_a_comment_and_everybody_sees_that(client, holder, shared) -> None:
    said = post(client, "comments", {"draft": shared, "body": "Rude."}, bearer(holder)).json()
    admin = Client()
    admin.force_login(User.objects.create_superuser("root", "a password of length"))
    page = f"/admin/governance/comment/{said['id']}/change/"
    answer = admin.post(page, {"hidden_reason": "insults", "body": "Something else"})
    assert answer.status_code == 302
    shown = get(client, f"comments?draft={shared}").json()["results"][0]
    assert (shown["body"], shown["body_html"], shown["hidden_reason"]) == ("", "", "insults")
    assert Comment.objects.get().body == "Rude."
    for method, body in (("put", {"body": "Again."}), ("delete", None)):
        answer = change(client, method, f"comments/{said['id']}", body, bearer(holder))
        assert answer.status_code == 404
    admin.post(page, {"hidden_reason": ""})
    assert get(client, f"comments?draft={shared}").json()["results"][0]["body"] == "Rude."


@pytest.mark.parametrize(
    "fields",
    [
        {"body": ""},
        {"body": "x" * 5_001},
        {"body": "a\0b"},
        {"draft": str(uuid.uuid4())},
        {"draft": None, "proposal": "1"},
        {"proposal": "1"},
    ],
)
def test_a_comment_about_nothing_or_saying_nothing_is_refused(
    client, holder, shared, fields
) -> None:
    asked = {"draft": shared, "body": "Something.", **fields}
    asked = {name: value for name, value in asked.items() if value is not None}
    assert post(client, "comments", asked, bearer(holder)).status_code == 400
    assert not Comment.objects.exists()


def test_a_holder_says_only_so_much_an_hour(client, holder, shared, settings) -> None:
    settings.COMMENTS_PER_HOUR = 2
    said = {"draft": shared, "body": "Again."}
    answers = [post(client, "comments", said, bearer(holder)).status_code for _ in range(3)]
    assert answers == [201, 201, 429]
    assert Comment.objects.count() == 2


def test_a_preview_is_for_signed_in_users(client, author) -> None:
    assert post(client, "markdown", {"text": "*a*"}).status_code == 401
    shown = post(client, "markdown", {"text": "*a* <b>"}, bearer(author)).json()
    assert shown["html"] == "<p><em>a</em> &lt;b&gt;</p>\n"
