"""The list of blocked sites, for the service and for recorders."""

import re

import pytest
from rest_framework.test import APIClient

from contributions import blocklist

CATEGORIES = {
    "e-mail",
    "banking and payment",
    "health",
    "government",
    "authentication",
    "adult",
    "dating",
}


def test_anyone_reads_the_list():
    answer = APIClient().get("/api/v1/blocklist").json()
    assert answer["domains"] == blocklist.entries()
    assert set(answer["domains"].values()) == CATEGORIES
    assert len(answer["version"]) == 64


def test_every_entry_is_a_host_as_browsers_write_it():
    host = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")
    assert [domain for domain in blocklist.entries() if not host.fullmatch(domain)] == []


@pytest.mark.parametrize(
    ("host", "entry"),
    [
        ("tinder.com", "tinder.com"),
        ("www.tinder.com", "tinder.com"),
        ("TINDER.com.", "tinder.com"),
        ("nottinder.com", None),
        ("tinder.com.example.org", None),
        ("tax.service.gov.uk", "service.gov.uk"),
        ("anything.gov", "gov"),
        ("kantor.kemenkeu.go.id", "go.id"),
        ("example.org", None),
    ],
)
def test_a_host_is_blocked_with_everything_below_an_entry(host, entry):
    assert blocklist.blocked_domain(host) == entry
