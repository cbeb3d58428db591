"""What else people do on the pages, in a real Chromium: withdraw, publish, run, mistype."""

from playwright.sync_api import expect

from accounts.models import Referral, WaitlistEntry
from contributions.models import State, Workflow
from marketplace.models import Automation, Use
from points import rewards
from tests.web.service import come_in, send_work


def test_work_is_withdrawn_after_a_question(new_person, service):
    person = new_person()
    come_in(person)
    send_work(person, 1)
    rewards.settle_pending()
    person.open("/work")
    person.page.once("dialog", lambda question: question.dismiss())
    person.page.get_by_role("button", name="Withdraw").click()
    assert Workflow.objects.get().state == State.ACCEPTED
    questions = []
    person.page.once("dialog", lambda question: (questions.append(question), question.accept()))
    person.page.get_by_role("button", name="Withdraw").click()
    person.sees("content deleted")
    assert "for good" in questions[0].message
    assert Workflow.objects.get().state == State.WITHDRAWN
    assert person.problems == []


def test_verified_work_is_published_and_run_by_somebody_else(new_person, service):
    ada, ben = new_person(), new_person()
    for person, seed in ((ada, 1), (ben, 3)):
        come_in(person)
        send_work(person, seed)
    rewards.settle_pending()
    ada.open("/work")
    ada.page.get_by_role("link", name="Publish as automation").click()
    ada.page.get_by_label("Title").fill("Fill in a name")
    ada.press("Publish")
    ada.page.get_by_role("heading", name="Fill in a name").wait_for()
    automation = Automation.objects.get()
    assert automation.title == "Fill in a name"

    ben.open("/automations/")
    ben.page.get_by_role("link", name="Fill in a name").click()
    ben.press("Record and pay")
    ben.page.get_by_role("heading", name="Your runs").wait_for()
    use = Use.objects.get()
    assert (use.actions, use.outcome, use.price_millipoints) == (2, "succeeded", 2_000)
    expect(ben.page.locator("#use-count")).to_have_text("1")
    ben.open("/points")
    assert ben.page.locator("#balance").inner_text() == "118"
    ada.open("/points")
    assert ada.page.locator("#balance").inner_text() == "121.4"
    assert (ada.problems, ben.problems) == ([], [])


def test_a_policy_that_is_none_says_so_next_to_the_field(new_person):
    person = new_person()
    come_in(person)
    person.open("/proposals/new")
    person.page.get_by_label("Title").fill("Impossible")
    person.page.get_by_label("Paid actions of one workflow, at most").fill("999999999")
    person.press("Propose with my wallet")
    field = person.page.get_by_label("Paid actions of one workflow, at most")
    person.page.locator(".field-error").wait_for()
    expect(field).to_have_attribute("aria-invalid", "true")
    note = person.page.locator(f"[id='{field.get_attribute('aria-describedby')}']")
    expect(note).to_contain_text("100000")


def test_a_wallet_that_has_another_account_selected_is_named(new_person, service, browser):
    ada, ben = new_person(), new_person()
    come_in(ada)
    # Ada's session in a browser whose wallet has Ben's account.
    ben.page.context.add_cookies(ada.page.context.cookies())
    ben.open("/points")
    ben.press("Delegate")
    ben.sees(f"Your wallet has {ben.key.address} selected")


def test_a_person_invites_another_who_comes_in_by_the_link(new_person):
    ada, ben = new_person(), new_person()
    come_in(ada)
    ada.open("/invites")
    assert ada.page.locator("#invites-left").inner_text() == "5"
    ada.press("Make an invite")
    ada.page.get_by_role("row").nth(1).wait_for()
    expect(ada.page.locator("#invites-left")).to_have_text("4")
    link = ada.page.get_by_role("row").nth(1).get_by_role("link").inner_text()
    ada.photograph("invites")

    ben.page.goto(link)
    ben.press("Sign in with wallet")
    ben.page.wait_for_url("**/consent")
    referral = Referral.objects.get()
    assert referral.referrer.wallets.get().address == ada.key.address
    assert referral.referred.wallets.get().address == ben.key.address
    ada.open("/invites")
    assert "1 of 1" in ada.page.get_by_role("row").nth(1).inner_text()
    assert (ada.problems, ben.problems) == ([], [])


def test_a_visitor_without_an_invite_waits_for_one(new_person):
    visitor = new_person()
    visitor.open("/")
    visitor.page.get_by_label("E-mail").fill("ada@example.com")
    visitor.press("Wait for an invite")
    visitor.sees("You are on the list.")
    assert WaitlistEntry.objects.get().email == "ada@example.com"
    assert visitor.problems == []
