"""The extension loads, and its parts reach each other."""

from tests.extension.conftest import EXTENSION_ID


def test_the_service_worker_is_alive_under_the_stable_id(extended):
    assert extended.worker.url == f"chrome-extension://{EXTENSION_ID}/background.js"


def test_the_popup_asks_the_service_worker(extended):
    page = extended.page("popup.html")
    answer = extended.ask(page, {"kind": "status"})
    assert answer == {"ok": True, "value": {"recordings": 0, "queued": 0}}
