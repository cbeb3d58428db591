"""Every page can be used by everybody: WCAG 2.2 AA by axe, light and dark, on wide and narrow."""

import pytest
from playwright.sync_api import Page

from config.environment import BASE_DIR
from governance import drafts, polls, profiles
from governance.counting import Method
from governance.models import Support
from points import epochs, rewards
from tests.governance.balloting import person_of
from tests.governance.balloting import vote as answer
from tests.governance.conftest import Assembly
from tests.web.service import come_in, send_work
from tests.web.test_governance import give_lam

AXE = (BASE_DIR / "node_modules" / "axe-core" / "axe.min.js").read_text()
# WCAG 2.2 AA, contrast included.
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    "resultTypes": ["violations"],
}
# Each colour scheme with one width: contrast hangs on the first alone, layout on the second.
SCREENS = {"light": (1280, 900), "dark": (390, 844)}


@pytest.fixture
def full(new_person, service):
    """A person signed in on a site where something has happened; and the pages there are."""
    ada, ben = new_person(), new_person()
    for number, person in enumerate((ada, ben)):
        come_in(person)
        send_work(person, number)
    rewards.settle_pending()
    epochs.close(1)
    epochs.open_next()
    give_lam(service, ada, ben)
    assembly = Assembly(service.chain, [ada.key, ben.key])
    user = person_of(ada.key)
    profiles.set_by_session(
        user=user, address=ada.key.address, name="Ada", statement="I read *all*."
    )
    draft = drafts.save(
        author=user,
        template="parameter",
        fields={"parameter": "voting_period_seconds", "value": 86_400},
        proposer=ada.key.address,
        title="Vote for a day",
        body="So that nobody misses it.",
        shared=True,
    )
    proposal = assembly.propose(drafts.built(draft))
    assembly.vote(0, proposal, Support.FOR)
    assembly.vote(1, proposal, Support.AGAINST)
    service.follow()
    poll = polls.open_poll(
        user=user,
        title="Which of these long options do you like best, everything considered?",
        options=["The first, which needs more words than the others to say", "Green", "Blue"],
        method=Method.RANKED,
        duration_seconds=300,
    )
    answer(poll, ada.key, [0, 1, 2])
    answer(poll, ben.key, [1, 0])
    governance = [f"/proposals/{proposal.pk}", f"/polls/{poll.pk}"]
    governance += ["/proposals/", "/proposals/new", "/proposals/drafts/", "/polls/", "/polls/new"]
    governance += [f"/proposals/drafts/{draft.pk}", "/proposals/drafts/new?template=treasury"]
    governance += ["/delegates/", f"/delegates/{ada.key.address}", "/handover", "/news"]
    others = ["/", "/work", "/points", "/invites", "/consent", "/devices", "/epochs/", "/epochs/1"]
    return ada, [*governance, *others, "/automations/"]


def violations(page: Page) -> list[tuple[str, str]]:
    page.evaluate(f"() => {{ if (!window.axe) {{ {AXE} }} }}")
    found = page.evaluate("rules => axe.run(document, rules)", RULES)["violations"]
    return [(each["id"], node["html"][:300]) for each in found for node in each["nodes"][:3]]


def spills(page: Page) -> list[str]:
    """What sticks out of the screen; a table may, in a frame of its own that scrolls."""
    return page.evaluate(
        """() => [...document.querySelectorAll("body *")]
            .filter(e => !e.closest(".skip, .sr-only, thead, svg, textarea, input, .table, pre"))
            .filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0)
            .map(e => e.outerHTML.slice(0, 200))
            .concat(document.documentElement.scrollWidth > innerWidth ? ["the page"] : [])"""
    )


def test_every_page_passes_axe_and_fits_the_screen(full):
    ada, pages = full
    wrong = []
    for path in pages:
        ada.open(path)
        for scheme, (width, height) in SCREENS.items():
            ada.page.emulate_media(color_scheme=scheme)
            ada.page.set_viewport_size({"width": width, "height": height})
            found = violations(ada.page) + [("spills", what) for what in spills(ada.page)]
            wrong += [(path, scheme, each) for each in found]
    assert wrong == []
    assert ada.problems == []
