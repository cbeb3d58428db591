"""The whole tour in a real Chromium: from an invite to a changed policy, with wallets that sign.

What happens on the pages is done on the pages; in between the test does what the service's own
processes do: settle, close and publish the epoch, follow the chain.
"""

from playwright.sync_api import expect

from contributions.models import Adoption, Kind
from contributions.policy import policy
from points import epochs, rewards
from points.chain_models import Claim
from points.models import Epoch
from tests.web.service import come_in, send_work


def figure(person, name: str) -> str:
    return person.page.locator(f"#{name}").inner_text().strip()


def wait_for_figure(person, name: str, text: str) -> None:
    """The page shows it by itself, once what was sent is final."""
    expect(person.page.locator(f"#{name}")).to_have_text(text)


def send_and_check_work(ada, ben) -> None:
    """Work is sent and checked; the page says what became of it and why."""
    send_work(ada, 1)
    send_work(ada, 2, attested=False)
    send_work(ben, 3)
    ada.open("/work")
    ada.sees("being checked")
    rewards.settle_pending()
    ada.open("/work")
    ada.photograph("work")
    accepted = ada.page.get_by_role("row").filter(has_text="the operator attests")
    assert "accepted" in accepted.inner_text()
    assert accepted.get_by_role("cell").nth(2).inner_text() == "120"
    refused = ada.page.get_by_role("row").filter(has_text="not accepted")
    assert "Nothing trustworthy says that the task was done." in refused.inner_text()


def close_and_publish(ada, service) -> None:
    """The epoch closes; its root is published; LAM can be claimed."""
    epochs.close(1)
    ada.open("/points")
    assert (figure(ada, "claimable"), figure(ada, "waiting")) == ("0", "750,000")
    service.publish(1)
    ada.open("/points")
    assert figure(ada, "claimable") == "750,000"
    ada.photograph("points-claimable")
    ada.open("/epochs/1")
    assert figure(ada, "root") == Epoch.objects.get().root
    ada.photograph("epoch")


def claim_with_own_wallet(ada, service) -> None:
    """Pending until final, then paid; nothing is left to claim. Then the votes are delegated."""
    ada.open("/points")
    ada.press("Claim with my wallet")
    ada.sees("waiting until it is final")
    ada.photograph("points-pending")
    service.follow()
    wait_for_figure(ada, "claimed", "750,000")
    wait_for_figure(ada, "claimable", "0")
    expect(ada.page.get_by_role("button", name="Claim with my wallet")).to_have_count(0)
    ada.press("Delegate")
    ada.sees("waiting until it is final")
    service.follow()
    wait_for_figure(ada, "power", "750,000")


def claim_by_signature(ben, service) -> None:
    """The relayer sends it and pays. Then the votes are delegated."""
    ben.open("/points")
    ben.press("Claim by signature")
    ben.sees("the relayer is sending it")
    service.follow()
    wait_for_figure(ben, "claimed", "750,000")
    assert Claim.objects.get(account=ben.key.address).recipient == ben.key.address
    ben.press("Delegate")
    ben.sees("waiting until it is final")
    service.follow()
    wait_for_figure(ben, "power", "750,000")


def propose_a_changed_policy(ada, service) -> str:
    """A changed policy is proposed; where its page is."""
    ada.open("/proposals/new")
    ada.page.get_by_label("Title").fill("Pay twice as much for an action")
    ada.page.get_by_label("Reasons").fill("Work is worth more than we thought.")
    ada.page.get_by_label("Name", exact=True).fill("twice")
    ada.page.get_by_label("Points for a verified action").fill("20000")
    ada.photograph("proposal-new")
    ada.press("Propose with my wallet")
    ada.page.wait_for_url("**/proposals/")
    ada.sees("waiting until it is final")
    service.later(3)
    ada.page.get_by_role("link", name="Pay twice as much for an action").click()
    ada.sees("voting is open")
    ada.sees("Adopt the reward policy")
    assert changed_numbers(ada) == ["10000", "20000"]
    ada.photograph("proposal-open")
    return ada.page.url.removeprefix(ada.site)


def vote_in_both_ways(ada, ben, service, page) -> None:
    """Ada has slightly more than half: both vote for it, one of them by signature."""
    ada.page.get_by_role("radio", name="For").check()
    ada.press("Vote with my wallet")
    ada.sees("waiting until it is final")
    ben.open(page)
    ben.page.get_by_role("radio", name="For").check()
    ben.page.get_by_label("Reason").fill("Long overdue.")
    ben.press("Vote by signature")
    ben.sees("the relayer is sending it")
    service.follow()
    ben.sees("You voted for with 750,000.")
    wait_for_figure(ada, "tally-for", "1,500,000")
    ada.photograph("proposal-voted")


def queue_and_execute(ada, service, page) -> None:
    """It passed: anyone may queue it, and execute it once the timelock has run out."""
    service.later(300)
    ada.open(page)
    ada.press("Queue")
    ada.sees("waiting until it is final")
    service.later(3)
    ada.sees("queued in the timelock")
    ada.press("Execute")
    ada.sees("waiting until it is final")
    service.follow()
    wait_for_figure(ada, "state", "executed")
    ada.sees("Adopted: the service follows")
    assert changed_numbers(ada) == ["10000", "20000"]
    ada.photograph("proposal-executed")


def work_under_the_new_policy(ada, ben) -> None:
    """The next epoch to open pays by it, without anybody's hand."""
    adopted = Adoption.objects.filter(kind=Kind.REWARD_POLICY).latest("block_number")
    assert policy(adopted.hash).points_per_action_millipoints == 20_000
    assert epochs.open_next().policy_hash == adopted.hash
    ada.open("/epochs/2")
    ada.sees("(twice)")
    send_work(ben, 4)
    rewards.settle_pending()
    ben.open("/work")
    assert ben.page.get_by_role("row").nth(1).get_by_role("cell").nth(2).inner_text() == "240"


def changed_numbers(person) -> list[str]:
    """What the proposal's page says of the number that it changes: before, after."""
    row = person.page.get_by_role("row").filter(has_text="points_per_action_millipoints")
    return [cell.inner_text() for cell in row.get_by_role("cell").all()]


def test_the_tour(new_person, service):
    ada, ben = new_person(), new_person()
    for person in (ada, ben):
        come_in(person)
    send_and_check_work(ada, ben)
    close_and_publish(ada, service)
    claim_with_own_wallet(ada, service)
    claim_by_signature(ben, service)
    page = propose_a_changed_policy(ada, service)
    vote_in_both_ways(ada, ben, service, page)
    queue_and_execute(ada, service, page)
    work_under_the_new_policy(ada, ben)
    assert (ada.problems, ben.problems) == ([], [])
