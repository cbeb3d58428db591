"""The pages without a browser: who may see them, how many queries they take, how they are built."""

import json
from html.parser import HTMLParser

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from contributions.models import State
from governance.models import Proposal
from marketplace.models import Automation
from points.models import Epoch
from tests import factories

pytestmark = pytest.mark.django_db

PUBLIC = ["home", "sign-in", "epochs", "proposals", "polls", "automations"]
PUBLIC += ["drafts", "delegates", "handover"]
PERSONAL = ["work", "points", "consent", "invites", "new-proposal", "new-draft", "new-poll", "news"]


@pytest.fixture
def deployed_manifest(settings, tmp_path) -> None:
    """A manifest of a chain that is never asked."""
    settings.DEPLOYMENT_PATH = tmp_path / "deployment.json"
    names = ("LAMToken", "RewardsDistributor", "LAMGovernor")
    contracts = {name: {"address": "0x" + f"{n:040x}"} for n, name in enumerate(names, start=1)}
    manifest = {
        "chain_id": 31337,
        "block_number": 0,
        "contracts": contracts,
        "parameters": {"grace_period_seconds": 60},
    }
    settings.DEPLOYMENT_PATH.write_text(json.dumps(manifest))


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as context:
        assert client.get(url).status_code == 200
    return len(context)


@pytest.mark.parametrize("name", PUBLIC)
def test_anyone_may_read_a_public_page(client, name):
    assert client.get(reverse(f"web:{name}")).status_code == 200


@pytest.mark.parametrize("name", PERSONAL)
def test_a_visitor_of_a_personal_page_is_sent_to_the_sign_in(client, name):
    answer = client.get(reverse(f"web:{name}"))
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/sign-in?next=" + reverse(f"web:{name}")


@pytest.mark.parametrize("name", PERSONAL)
def test_an_admin_without_a_wallet_is_told_why_a_personal_page_is_not_for_them(name):
    admin = factories.make_user(wallet=False, is_staff=True)
    answer = signed_in(admin).get(reverse(f"web:{name}"))
    assert answer.status_code == 403
    assert "has no wallet" in answer.content.decode()


@pytest.mark.parametrize("name", PERSONAL)
def test_a_person_sees_their_page(name):
    assert signed_in(factories.make_user()).get(reverse(f"web:{name}")).status_code == 200


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("name", PUBLIC + PERSONAL)
def test_pages_change_nothing(name, method):
    client = signed_in(factories.make_user())
    assert getattr(client, method)(reverse(f"web:{name}")).status_code == 405


def test_the_work_of_others_is_not_shown():
    theirs = factories.make_workflow(task="their-secret-task")
    mine = factories.make_workflow(factories.make_user(), task="my-own-task")
    text = signed_in(mine.contributor).get(reverse("web:work")).content.decode()
    assert "my-own-task" in text
    assert "their-secret-task" not in text
    assert str(theirs.pk) not in text


def test_a_refused_workflow_says_why_in_plain_words():
    workflow = factories.make_workflow()
    factories.make_verdict(workflow, accepted=False, reasons=[{"code": "timing"}])
    text = signed_in(workflow.contributor).get(reverse("web:work")).content.decode()
    assert "not accepted" in text


def test_a_withdrawn_workflow_cannot_be_withdrawn_again():
    workflow = factories.make_workflow(state=State.WITHDRAWN)
    text = signed_in(workflow.contributor).get(reverse("web:work")).content.decode()
    assert "content deleted" in text
    assert "withdraw-workflow" not in text


def test_the_work_page_takes_as_many_queries_for_three_workflows_as_for_one():
    user = factories.make_user()
    client = signed_in(user)
    factories.make_verdict(factories.make_workflow(user))
    client.get(reverse("web:work"))
    one = queries(client, reverse("web:work"))
    for _ in range(2):
        factories.make_verdict(factories.make_workflow(user))
    assert queries(client, reverse("web:work")) == one


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)"]
)
def test_sign_in_goes_on_to_pages_of_this_site_only(client, wanted):
    text = client.get(reverse("web:sign-in"), {"next": wanted}).content.decode()
    assert "evil.example" not in text
    assert "javascript:" not in text
    assert 'data-next="/consent"' in text


def test_every_page_states_its_content_security_policy(client):
    policy = client.get(reverse("web:home")).headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


class _Form(HTMLParser):
    """Collects what a person with a screen reader needs of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.labelled: set[str] = set()
        self.fields: list[tuple[str | None, bool]] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.inline: list[str] = []
        self._labels = 0

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        self.ids += [values["id"]] if "id" in values else []
        self.inline += [name for name in values if name.startswith("on") or name == "style"]
        if tag == "script" and "src" not in values and values.get("type") != "application/json":
            self.inline.append("script")
        if tag == "label":
            self._labels += 1
            self.labelled.add(values.get("for") or "")
        if tag in {"input", "textarea", "select"} and values.get("type") != "hidden":
            self.fields.append((values.get("id"), self._labels > 0))

    def handle_endtag(self, tag):
        self._labels -= tag == "label"


@pytest.mark.parametrize("name", PUBLIC + PERSONAL)
def test_a_page_has_landmarks_one_heading_and_a_label_for_each_field(name):
    workflow = factories.make_workflow()
    factories.make_verdict(workflow)
    page = _Form()
    page.feed(signed_in(workflow.contributor).get(reverse(f"web:{name}")).content.decode())
    assert {"header", "nav", "main", "footer"} <= set(page.tags)
    assert page.tags.count("h1") == 1
    assert page.tags.count("main") == 1
    assert [
        field for field, within in page.fields if not within and field not in page.labelled
    ] == []
    assert len(page.ids) == len(set(page.ids))
    assert page.inline == []


def make_proposal(number: int) -> Proposal:
    proposal = Proposal.objects.create(
        id=number,
        proposer="0x" + "00" * 19 + "01",
        description=f"# Proposal {number}\n\nBecause.\n\n#proposer=0x01",
        vote_start=1_000,
        vote_end=2_000,
        created_at=999,
        block_number=number,
        transaction_hash="0x" + "ab" * 32,
    )
    proposal.votes.create(
        voter="0x" + "00" * 19 + "02",
        support=1,
        for_wei=10**18,
        cast_at=1_500,
        block_number=number,
        log_index=1,
        transaction_hash="0x" + "cd" * 32,
    )
    return proposal


def make_epoch(number: int) -> Epoch:
    closed = timezone.now()
    return Epoch.objects.create(
        number=number,
        policy_hash="0x" + "a1" * 32,
        release_hash="0x" + "a2" * 32,
        salt=b"salt",
        opened_at=closed,
        closing_at=closed,
        closed_at=closed,
        ledger_root="0x" + "a3" * 32,
        root="0x" + "a4" * 32,
        bundle_hash="0x" + "a5" * 32,
    )


def make_automation(number: int) -> Automation:
    workflow = factories.make_workflow()
    factories.make_verdict(workflow)
    return Automation.objects.create(
        creator=workflow.contributor, workflow=workflow, title=f"Automation {number}", actions=2
    )


@pytest.mark.parametrize(
    ("name", "make"),
    [("proposals", make_proposal), ("epochs", make_epoch), ("automations", make_automation)],
)
def test_a_list_takes_as_many_queries_for_three_as_for_one(client, deployed_manifest, name, make):
    make(1)
    client.get(reverse(f"web:{name}"))
    one = queries(client, reverse(f"web:{name}"))
    make(2)
    make(3)
    assert queries(client, reverse(f"web:{name}")) == one


def test_a_proposal_says_what_it_is_and_how_the_vote_stands(client, deployed_manifest):
    text = client.get(f"/proposals/{make_proposal(7).pk}").content.decode()
    assert "<h1>Proposal 7</h1>" in text
    assert "Because." in text
    assert "#proposer" not in text
    assert 'id="tally-for">1<' in text


def test_text_of_strangers_is_escaped(client, deployed_manifest):
    proposal = make_proposal(7)
    Proposal.objects.update(description="# <script>alert(1)</script>\n\n<img src=x onerror=1>")
    for page in ("/proposals/", f"/proposals/{proposal.pk}"):
        text = client.get(page).content.decode()
        assert "<script>alert" not in text
        assert "<img" not in text


@pytest.mark.parametrize("path", ["/proposals/999", "/epochs/999", "/automations/999"])
def test_what_is_not_there_is_not_found(client, path):
    assert client.get(path).status_code == 404


def test_who_made_an_automation_is_not_told():
    automation = make_automation(1)
    for page in ("/automations/", f"/automations/{automation.pk}"):
        assert automation.creator.name not in Client().get(page).content.decode()


def test_the_creator_of_an_automation_is_not_offered_to_pay_themselves():
    automation = make_automation(1)
    page = reverse("web:automation", args=[automation.pk])
    assert "use-automation" not in signed_in(automation.creator).get(page).content.decode()
    assert "use-automation" in signed_in(factories.make_user()).get(page).content.decode()
    assert "use-automation" not in Client().get(page).content.decode()
