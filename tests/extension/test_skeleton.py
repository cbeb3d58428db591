"""The extension loads, and its parts reach each other."""

from tests.extension.conftest import EXTENSION_ID


def test_the_service_worker_is_alive_under_the_stable_id(extended):
    assert extended.worker.url == f"chrome-extension://{EXTENSION_ID}/background.js"


def test_a_page_asks_the_service_worker(extended):
    status = extended.ask("status")
    assert (status["agreed"], status["paired"], status["active"]) == (False, False, None)
