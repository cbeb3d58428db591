"""What holders do around a vote, in a real Chromium: draft, discuss, try out, split, hand over."""

import re
import struct
from pathlib import Path

from django.core import mail
from playwright.sync_api import expect

from chain.abi import contract
from governance import policy_effect, simulate
from governance.models import Delegation, Proposal, Vote
from governance.people_models import (
    Comment,
    DelegateProfile,
    ProposalDraft,
    Simulation,
    Subscription,
)
from points import epochs, rewards
from tests.governance.conftest import LAM, Assembly
from tests.web.service import come_in, send_work

YEAR = 365 * 24 * 3600


def give_lam(service, *people) -> None:
    """100 LAM each, delegated to themselves."""
    assembly = Assembly(service.chain, [])
    assert assembly.call(people[0].key, "LAMToken", "mintEmission", 1).succeeded
    for person in people:
        data = contract("LAMToken").encode_call("transfer", person.key.address, 100 * LAM)
        assembly.play(service.chain.address("RewardsVault"), data)
        address = person.key.address
        assert assembly.call(person.key, "LAMToken", "delegate", address).succeeded
    # Most of the supply is burned, so that the two are a quorum.
    surplus = assembly.read("LAMToken", "totalSupply") - 1000 * LAM
    burn = contract("LAMToken").encode_call("burn", surplus)
    assembly.play(service.chain.address("RewardsVault"), burn)
    service.later(2)


def run_waiting() -> None:
    """What the worker does."""
    for row in Simulation.objects.filter(progress="waiting"):
        simulate.run(row.pk)


def draft_a_change(ada) -> str:
    """A draft by template, looked at before it is saved; where its page is."""
    ada.open("/proposals/drafts/")
    ada.page.get_by_role("link", name="Change a governance parameter").click()
    ada.page.get_by_label("Title").fill("Vote for a day")
    ada.page.get_by_label("Why").fill("So that **nobody** misses it.\n\n- weekends\n- nights")
    ada.page.get_by_label("Parameter").select_option("voting_period_seconds")
    ada.page.get_by_label("New value").fill("86400")
    ada.page.get_by_role("button", name="Preview").click()
    ada.page.locator(".preview strong", has_text="nobody").wait_for()
    ada.page.get_by_label("Share it").check()
    ada.photograph("draft-new")
    ada.press("Save the draft")
    ada.sees("draft, open for discussion")
    ada.sees("Vote for 1 day")
    return ada.page.url.removeprefix(ada.site)


def try_and_discuss(ada, ben, page) -> None:
    """Tried out on a copy of the chain, and discussed."""
    ben.open(page)
    ben.press("Run it at the latest block")
    ben.sees("Running it on a copy of the chain")
    run_waiting()
    ben.sees("It would succeed.")
    ben.sees("LAMGovernor.votingPeriod()")
    ben.page.get_by_label("Say something").fill("A day is *right*. <script>alert(1)</script>")
    ben.press("Comment")
    ben.page.locator(".comment em", has_text="right").wait_for()
    ben.page.get_by_text("Edit or delete").click()
    ben.page.get_by_label("Your comment").fill("A day is *enough*.")
    ben.press("Save")
    ben.sees("edited")
    ada.open(page)
    ada.sees("enough")
    ada.photograph("draft")
    assert Comment.objects.get().address == ben.key.address


def propose_the_draft(ada, service) -> None:
    """Proposed as it stands; the discussion goes along."""
    ada.press("Propose with my wallet")
    ada.page.wait_for_url("**/proposals/")
    service.later(3)
    assert Proposal.objects.get().pk == ProposalDraft.objects.get().proposal
    ada.page.get_by_role("link", name="Vote for a day").click()
    ada.sees("enough")
    ada.sees("It would succeed.")


def split_a_vote(ada, service) -> None:
    """A split vote by signature, the rest later by transaction."""
    ada.page.get_by_text("Split your votes instead").click()
    ada.page.get_by_label("For", exact=True).last.fill("60.5")
    ada.page.get_by_label("Abstain", exact=True).last.fill("9.5")
    ada.press("Vote by signature")
    ada.sees("the relayer is sending it")
    service.follow()
    ada.sees("You voted split with 70.")
    ada.page.get_by_label("Against", exact=True).last.fill("30")
    ada.photograph("proposal-split")
    ada.press("Vote with my wallet")
    ada.sees("waiting until it is final")
    service.follow()
    ada.sees("You voted split with 30.")
    ada.sees("split: 60.5 for 9.5 abstain")
    found = Vote.objects.order_by("pk").values_list("for_wei", "against_wei", "abstain_wei")
    assert list(found) == [(60_500 * LAM // 1000, 0, 95 * LAM // 10), (0, 30 * LAM, 0)]
    ada.page.clock.install()
    ada.open("/proposals/")
    ada.page.locator(".bars li", has_text="Vote for a day").wait_for()
    ada.photograph("proposals")


def see_it_end(ada, service) -> None:
    """The page says how the vote ended, and what is due, without being loaded anew."""
    ada.page.get_by_role("link", name="Vote for a day").click()
    left = ada.page.locator("aside time")
    left.wait_for()
    period = service.chain.manifest["parameters"]["voting_period_seconds"]
    ada.page.clock.fast_forward((period + 60) * 1000)
    expect(left).to_have_text("over")
    service.later(period + 60)
    ada.page.get_by_role("button", name="Queue").wait_for()
    expect(ada.page.locator("#state")).to_contain_text("passed")
    ada.press("Queue")
    ada.sees("waiting until it is final")


def test_from_a_draft_to_a_split_vote(new_person, service):
    ada, ben = new_person(), new_person()
    for person in (ada, ben):
        come_in(person)
    give_lam(service, ada, ben)
    page = draft_a_change(ada)
    try_and_discuss(ada, ben, page)
    propose_the_draft(ada, service)
    split_a_vote(ada, service)
    see_it_end(ada, service)
    assert (ada.problems, ben.problems) == ([], [])


def test_a_policy_proposal_shows_who_gains_and_who_loses(new_person, service):
    ada, ben = new_person(), new_person()
    for person in (ada, ben):
        come_in(person)
    send_work(ada, 1)
    for seed in (3, 4):
        send_work(ben, seed)
    rewards.settle_pending()
    epochs.close(1)
    give_lam(service, ada)
    ada.open("/proposals/new")
    ada.page.get_by_label("Title").fill("Everybody the same")
    # What Ada earned; Ben earned twice as much.
    ada.page.get_by_label("Points of one person a day").fill("40000")
    ada.press("Propose with my wallet")
    ada.page.wait_for_url("**/proposals/")
    service.later(3)
    ada.page.get_by_role("link", name="Everybody the same").click()
    ada.sees("Being computed")
    policy_effect.compute(policy_effect.adopted_policy(simulate.calls_of(proposed().pk)), 1)
    ada.page.reload()
    ada.sees("Epoch 1 again, with the same work")
    moved = {
        row.get_by_role("cell").first.locator("code").get_attribute("title"): row.inner_text()
        for row in ada.page.locator("#effect ~ .table tbody tr").all()
    }
    assert "+250,000" in moved[ada.key.address]
    assert "−250,000" in moved[ben.key.address]
    ada.photograph("policy-effect")
    assert ada.problems == []


def proposed() -> Proposal:
    return Proposal.objects.get()


def test_a_delegate_says_who_they_are_and_is_delegated_to(new_person, service):
    ada, ben = new_person(), new_person()
    for person in (ada, ben):
        come_in(person)
    give_lam(service, ada, ben)
    ada.open(f"/delegates/{ada.key.address}")
    ada.page.get_by_label("Name").fill("Ada")
    ada.page.get_by_label("Statement").fill("I read *every* proposal.")
    ada.press("Sign and save")
    ada.sees("Signed with the delegate's wallet.")
    assert DelegateProfile.objects.get().signature.startswith("0x")
    ben.open("/delegates/")
    ben.page.get_by_role("link", name=re.compile("^Ada")).click()
    ben.press("Delegate by signature")
    ben.sees("the relayer is sending it")
    service.follow()
    ben.page.get_by_role("heading", name="Who delegates to them").wait_for()
    assert Delegation.objects.get(pk=ben.key.address).delegate == ada.key.address
    ben.page.reload()
    ben.page.locator("svg.chart").wait_for()
    ben.photograph("delegate")
    ben.open("/delegates/")
    ben.photograph("delegates")
    assert (ada.problems, ben.problems) == ([], [])


def test_the_countdowns_of_the_handover_run(new_person, service):
    ada = new_person()
    ada.page.clock.install()
    ada.open("/handover")
    left = ada.page.locator("li", has_text="Guarding").locator("time").first
    days = int(left.inner_text().split()[0])
    ada.page.clock.fast_forward(24 * 3600 * 1000)
    expect(left).to_have_text(re.compile(f"^{days - 1} days"))


def catalogue(path: Path, texts: dict[str, str]) -> None:
    """Writes translations as gettext's compiled form (.mo)."""
    header = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=1; plural=0;\n"
    pairs = sorted((a.encode(), b.encode()) for a, b in {"": header, **texts}.items())
    at = 28 + 16 * len(pairs)
    index, body = [], b""
    for column in zip(*pairs, strict=True):
        for text in column:
            index += [len(text), at + len(body)]
            body += text + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    path.parent.mkdir(parents=True)
    path.write_bytes(head + struct.pack(f"<{len(index)}I", *index) + body)


def test_what_scripts_say_is_in_the_language_of_the_pages(new_person, settings, tmp_path):
    texts = {
        "%(count)s day\0%(count)s days": "%(count)s hari",
        "%(count)s hour\0%(count)s hours": "%(count)s jam",
        "The server answered %(status)s.": "Server menjawab %(status)s.",
    }
    catalogue(tmp_path / "id" / "LC_MESSAGES" / "djangojs.mo", texts)
    settings.LOCALE_PATHS, settings.LANGUAGE_CODE = [tmp_path], "id"
    ada = new_person()
    ada.page.clock.install()
    ada.open("/handover")
    ada.page.clock.fast_forward(1000)
    left = ada.page.locator("li", has_text="Guarding").locator("time").first
    expect(left).to_have_text(re.compile(r"^36\d hari \d+ jam$"))
    assert ada.page.evaluate("gettext('over')") == "over"


def test_anyone_advances_the_handover_once_it_is_due_without_a_reload(new_person, service):
    # Anyone with a wallet, without an account here.
    ada = new_person()
    ada.page.clock.install()
    ada.open("/handover")
    guarding = ada.page.get_by_role("listitem").filter(has_text="Guarding").first
    expect(guarding).to_contain_text("the founders:")
    expect(guarding).to_contain_text(re.compile(r"36\d days"))
    ada.photograph("handover")
    stages = guarding.locator("summary")
    stages.click()
    # By the clock of the reader's the term is over, by the chain's it is not.
    ada.page.clock.fast_forward((YEAR + 60) * 1000)
    with ada.page.expect_response("**/handover"):
        pass
    ada.page.wait_for_load_state("networkidle")
    assert guarding.get_by_role("button", name="Advance").count() == 0
    assert ada.page.locator("#holdings-news").inner_text() == ""
    service.later(YEAR + 60)
    guarding.get_by_role("button", name="Advance").wait_for()
    expect(guarding).to_contain_text("the voters")
    news = ada.page.get_by_role("status").filter(has_text="The term is over.")
    expect(news).to_contain_text("Guarding")
    assert guarding.locator("details").get_attribute("open") is not None
    assert stages.evaluate("each => each === document.activeElement")
    ada.photograph("handover-due")
    guarding.get_by_role("button", name="Advance").click()
    ada.sees("waiting until it is final")
    service.follow()
    # The page loads itself anew.
    guarding.get_by_role("button", name="Advance").wait_for(state="detached")
    assert ada.problems == []


def test_news_is_asked_for_and_ended(new_person, service, mailoutbox):
    ada = new_person()
    come_in(ada)
    ada.open("/news")
    ada.page.get_by_label("Address or https URL").fill("ada@people.example")
    ada.press("Subscribe")
    ada.sees("waiting for the link in the mail")
    ada.photograph("news")
    link = re.search(r"http://\S+", mail.outbox[0].body)
    assert link
    ada.page.goto(link[0])
    ada.press("Yes, tell me")
    ada.sees("You will hear")
    assert Subscription.objects.get().confirmed_at is not None
    ada.open("/news")
    ada.press("End")
    ada.sees("You have no subscriptions.")
    ada.page.get_by_role("radio", name="Webhook").check()
    ada.page.get_by_label("Address or https URL").fill("https://127.0.0.1/hook")
    ada.press("Subscribe")
    ada.sees("127.0.0.1 is not on the public internet.")
    assert not Subscription.objects.exists()
