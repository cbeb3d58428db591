"""Polls on the pages, in a real Chromium: asked, answered by signature, counted, recounted."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from config.environment import BASE_DIR
from governance import tasks
from governance.poll_models import Poll, PollBallot
from tests.governance.conftest import LAM
from tests.web.service import come_in
from tests.web.test_governance import give_lam

DAY = 24 * 3600


@pytest.fixture
def people(new_person, service):
    """Two holders of 100 LAM each."""
    ada, ben = new_person(), new_person()
    for person in (ada, ben):
        come_in(person)
    give_lam(service, ada, ben)
    return ada, ben


def ask(person, method: str, options: list[str] = ("Red", "Green", "Blue")) -> str:
    """A poll of a day; where its page is."""
    person.open("/polls/")
    person.page.get_by_role("link", name="Ask something").click()
    person.page.get_by_label("Question").fill("Which colour?")
    person.page.get_by_label("Background").fill("For the *site*.")
    person.page.get_by_label("Options, one a line").fill("\n".join(options))
    person.page.get_by_label(method, exact=True).check()
    person.page.get_by_label("Open for").select_option("a day")
    person.photograph("poll-new")
    person.press("Open the poll")
    person.page.locator("#live").wait_for()
    return person.page.url.removeprefix(person.site)


def sign(person) -> None:
    person.press("Sign and vote")
    person.sees("Your vote is in.")


def sees_own_vote(person, text: str) -> None:
    expect(person.page.locator("#own")).to_have_text(text)


def close(service) -> None:
    """The poll's day passes, and the scheduler's task runs."""
    service.later(DAY + 60)
    tasks.publish_polls()


def recount(person, folder: Path, rpc_url: str) -> subprocess.CompletedProcess:
    """What the page says to do: download, unpack, run the command it shows, with a node."""
    with person.page.expect_download() as download:
        person.page.locator("#bundle").click()
    archive = folder / "bundle.zip"
    download.value.save_as(archive)
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    _, *command = person.page.locator("#command").inner_text().split()
    command[command.index("governance.tally") + 1] = str(folder / command[2])
    return subprocess.run(
        [sys.executable, *command, "--rpc", rpc_url],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_poll_is_asked_answered_and_recounted(people, service, tmp_path):
    ada, ben = people
    page = ask(ada, "One choice")
    ada.page.locator(".text em", has_text="site").wait_for()
    ada.page.get_by_role("radio", name="Green").check()
    sign(ada)
    sees_own_vote(ada, "You voted: Green")
    ben.open(page)
    ben.page.get_by_role("radio", name="Red").check()
    sign(ben)
    # A later vote replaces the first.
    ben.page.get_by_role("radio", name="Green").check()
    sign(ben)
    sees_own_vote(ben, "You voted: Green")
    ben.photograph("poll-open")
    # Ada sees it without doing anything.
    ada.page.locator("#voters", has_text="2").wait_for()
    close(service)
    ada.open(page)
    ada.sees("closed, result published")
    ada.photograph("poll-published")
    poll = Poll.objects.get()
    assert ada.page.locator("#bundle-hash").inner_text() == poll.bundle_hash
    assert poll.result["totals_wei"] == ["0", str(200 * LAM), "0"]
    done = recount(ada, tmp_path, service.chain.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 mismatches" in done.stdout
    assert (ada.problems, ben.problems) == ([], [])


def rank(person, places: list[str]) -> None:
    for field, place in zip(person.page.get_by_role("combobox").all(), places, strict=True):
        field.select_option(place)


def share(person, weights: list[str]) -> None:
    for field, weight in zip(person.page.get_by_role("spinbutton").all(), weights, strict=True):
        field.fill(weight)


def tick(person, names: list[str]) -> None:
    for name in names:
        person.page.get_by_role("checkbox", name=name).check()


@pytest.mark.parametrize(
    ("method", "answer", "said", "choice"),
    [
        ("Approval", lambda p: tick(p, ["Red", "Blue"]), "Red, Blue", [0, 2]),
        ("Ranking", lambda p: rank(p, ["", "2", "1"]), "1. Blue, 2. Green", [2, 1]),
        ("Shares", lambda p: share(p, ["1", "0", "3"]), "Red × 1, Blue × 3", [1, 0, 3]),
    ],
    ids=["approval", "ranked", "weighted"],
)
def test_every_way_to_answer_has_its_form(new_person, service, method, answer, said, choice):
    ada = new_person()
    come_in(ada)
    give_lam(service, ada)
    ask(ada, method)
    ada.press("Sign and vote")
    ada.page.locator("[role=status].error").first.wait_for()
    answer(ada)
    sign(ada)
    sees_own_vote(ada, f"You voted: {said}")
    assert PollBallot.objects.get().choice == choice
    ada.photograph(f"poll-{method.lower()}")
    assert ada.problems == []


def test_a_run_off_is_shown_round_by_round(people, service):
    ada, ben = people
    page = ask(ada, "Ranking")
    rank(ada, ["1", "2", "3"])
    sign(ada)
    ben.open(page)
    rank(ben, ["2", "1", ""])
    sign(ben)
    ben.sees("Round by round")
    expect(ben.page.get_by_role("row", name="Blue 0 struck out –")).to_have_count(1)
    ben.photograph("poll-run-off")


def test_two_options_in_one_place_are_an_error(people):
    ada, _ = people
    ask(ada, "Ranking")
    rank(ada, ["1", "1", ""])
    ada.press("Sign and vote")
    ada.sees("Two options have the same place.")
    assert not PollBallot.objects.exists()


def test_a_holder_votes_without_an_account_and_a_stranger_learns_why_not(
    people, new_person, service
):
    ada, ben = people
    page = ask(ada, "One choice")
    ben.press("Sign out")
    ben.page.get_by_role("link", name="Sign in", exact=True).wait_for()
    stranger = new_person()
    for person in (ben, stranger):
        person.open(page)
        person.page.get_by_role("radio", name="Blue").check()
        person.press("Sign and vote")
    ben.sees("Your vote is in.")
    stranger.sees("This address had no votes when the poll counts them.")
    assert PollBallot.objects.get().voter == ben.key.address


def test_who_has_no_votes_is_told_before_asking_and_before_voting(people, new_person):
    ada, _ = people
    page = ask(ada, "One choice")
    eve = new_person()
    come_in(eve)
    eve.open(page)
    eve.sees("You had no votes when this poll counts them.")
    assert eve.page.get_by_role("button", name="Sign and vote").count() == 0
    eve.open("/polls/new")
    eve.sees("you have 0.")
    eve.page.get_by_label("Question").fill("Me too?")
    eve.page.get_by_label("Options, one a line").fill("Yes\nNo")
    eve.press("Open the poll")
    eve.sees("To open a poll takes")
    assert Poll.objects.count() == 1


def test_a_poll_with_one_option_says_so_next_to_the_field(people):
    ada, _ = people
    ada.open("/polls/new")
    ada.page.get_by_label("Question").fill("Really?")
    ada.page.get_by_label("Options, one a line").fill("Yes")
    ada.press("Open the poll")
    ada.page.locator("#options-error").wait_for()
    assert not Poll.objects.exists()
