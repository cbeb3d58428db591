"""Signing in with a browser wallet, in a real Chromium."""

import pytest

from accounts.models import Consent, InviteRedemption, Wallet
from tests import factories


def sign_in(person, invite: str = "") -> None:
    person.open("/sign-in")
    person.page.get_by_label("Invite").fill(invite)
    person.press("Sign in with wallet")


def test_a_new_wallet_comes_in_with_an_invite_and_agrees(new_person):
    invite = factories.make_invite()
    person = new_person()
    sign_in(person, invite.code)
    person.page.wait_for_url("**/consent")
    assert Wallet.objects.get(is_primary=True).address == person.key.address
    assert InviteRedemption.objects.get().invite == invite
    person.page.get_by_role("button", name="I agree").first.click()
    person.page.wait_for_url("**/work")
    person.sees("You have not sent any work yet.")
    assert Consent.objects.get().scope == "contribute"
    assert person.problems == []


def test_a_new_wallet_without_an_invite_reads_next_to_the_field_that_it_needs_one(new_person):
    person = new_person()
    sign_in(person)
    field = person.page.get_by_label("Invite")
    person.page.locator("#invite-error").wait_for()
    assert field.get_attribute("aria-invalid") == "true"
    assert field.get_attribute("aria-describedby") == "invite-error"
    assert person.page.evaluate("document.activeElement.id") == "invite"
    assert not Wallet.objects.exists()


def test_a_wallet_on_another_chain_is_switched(new_person):
    person = new_person(wrongChain=True)
    sign_in(person, factories.make_invite().code)
    person.page.wait_for_url("**/consent")
    assert person.problems == []


def test_a_refusal_in_the_wallet_is_said_and_can_be_tried_again(new_person):
    person = new_person(refuse=True)
    sign_in(person, factories.make_invite().code)
    person.sees("You refused in the wallet; nothing was sent.")
    assert person.page.get_by_role("button", name="Sign in with wallet").is_enabled()
    assert not Wallet.objects.exists()


def test_a_browser_without_a_wallet_is_told_what_is_missing(new_person, browser, live_server):
    new_person()
    page = browser.new_context().new_page()
    page.goto(live_server.url + "/sign-in")
    page.get_by_role("button", name="Sign in with wallet").click()
    page.get_by_text("No wallet was found in this browser.").wait_for()
    page.context.close()


def test_of_two_wallets_the_person_chooses(new_person):
    person = new_person()
    person.open("/sign-in")
    person.page.evaluate(
        """() => {
          const info = {uuid: "2", name: "Other wallet", icon: "", rdns: "other"};
          const detail = {info, provider: {}};
          const announce = () => window.dispatchEvent(
            new CustomEvent("eip6963:announceProvider", {detail}));
          window.addEventListener("eip6963:requestProvider", announce);
          announce();
        }"""
    )
    person.page.get_by_label("Invite").fill(factories.make_invite().code)
    person.press("Sign in with wallet")
    person.page.get_by_role("dialog", name="Choose a wallet").wait_for()
    person.press("Test wallet")
    person.page.wait_for_url("**/consent")


def test_signing_out_ends_the_session(new_person):
    person = new_person()
    sign_in(person, factories.make_invite().code)
    person.page.wait_for_url("**/consent")
    person.press("Sign out")
    person.page.get_by_role("link", name="Sign in", exact=True).wait_for()
    person.open("/work")
    assert "/sign-in?next=/work" in person.page.url


def test_pages_can_be_read_without_scripts(browser, live_server):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(live_server.url + "/sign-in")
    assert "can be read without scripts" in page.locator("noscript .notice").inner_text()
    assert page.get_by_role("button", name="Sign in with wallet").is_disabled()
    context.close()


@pytest.mark.parametrize("path", ["/", "/sign-in", "/epochs/", "/proposals/", "/automations/"])
def test_a_public_page_has_no_script_error(new_person, path):
    person = new_person()
    person.open(path)
    person.page.wait_for_load_state("networkidle")
    assert person.problems == []
