"""Sites whose recordings are refused, whatever the client did before sending.

blocklist.txt holds registrable domains, one a line under a `# category` heading; a host matches
when it is one of them or below one.
"""

import functools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from lam_core.observation import Observation, Page
from lam_core.schema import Workflow
from lam_core.steps import Navigate

PATH = Path(__file__).parent / "blocklist.txt"


# A name as browsers write it (punycode), or an address of IPv4 or IPv6.
_HOST = re.compile(r"[a-z0-9_.:-]{1,253}")


class BadOrigin(ValueError):
    """A page's origin is no origin."""

    def __init__(self, origin: str) -> None:
        super().__init__(f"{origin!r} is not an origin.")


class Blocked(ValueError):
    """The workflow was recorded, in part, on a blocked site."""

    def __init__(self, domain: str, category: str) -> None:
        self.domain = domain
        self.category = category
        super().__init__(f"Recordings on {domain} ({category}) are not accepted.")


@functools.cache
def entries(path: Path = PATH) -> dict[str, str]:
    """Category by registrable domain."""
    found: dict[str, str] = {}
    category = ""
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            category = line.lstrip("# ").strip()
        elif line.strip():
            found[line.strip().lower()] = category
    return found


def blocked_domain(host: str) -> str | None:
    """The entry that a host is, or is below."""
    labels = host.lower().rstrip(".").split(".")
    candidates = (".".join(labels[i:]) for i in range(len(labels)))
    return next((name for name in candidates if name in entries()), None)


def hosts(workflow: Workflow) -> list[str]:
    """Hosts of all pages and frames of a workflow, each once, in order of appearance.

    Raises BadOrigin.
    """
    return _hosts(_pages(workflow))


def _hosts(pages: Iterable[Page]) -> list[str]:
    origins = dict.fromkeys(page.origin for page in pages if page.origin)
    found = (_host(origin) for origin in origins)
    return list(dict.fromkeys(host for host in found if host))


def _host(origin: str) -> str | None:
    """The host of an origin; None for origins without one, such as `file://`."""
    try:
        host = urlsplit(origin).hostname
    except ValueError:
        raise BadOrigin(origin) from None
    if host and not _HOST.fullmatch(host):
        raise BadOrigin(origin)
    return host


def check(workflow: Workflow) -> None:
    """Raises Blocked when any page or frame of the workflow is on a blocked site, or BadOrigin."""
    _check(_pages(workflow))


def check_page(observation: Observation) -> None:
    """Raises Blocked when a page or any frame in it is on a blocked site, or BadOrigin."""
    _check(_shown(observation))


def _check(pages: Iterable[Page]) -> None:
    for host in _hosts(pages):
        if domain := blocked_domain(host):
            raise Blocked(domain, entries()[domain])


def _pages(workflow: Workflow) -> Iterator[Page]:
    for observation in workflow.observations:
        yield from _shown(observation)
    for step in workflow.steps:
        if isinstance(step, Navigate):
            yield step.page


def _shown(observation: Observation) -> Iterator[Page]:
    yield observation.page
    yield from (frame.page for frame in observation.frames if frame.page)
