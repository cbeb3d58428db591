"""The API of polls: who may do what, and every refusal names what is wrong."""

import pytest

from chain.signatures import typed_data_digest
from governance.poll_models import Poll, PollBallot
from tests.factories import bearer, make_user
from tests.governance.balloting import OPTIONS, person_of, publish
from tests.governance.conftest import LAM
from tests.governance.test_api import API, get, post

QUESTION = {
    "title": "Which colour?",
    "body": "Of the *button*.",
    "options": OPTIONS,
    "method": "single",
    "duration_seconds": 300,
}


@pytest.fixture
def holder(assembly) -> dict[str, str]:
    """The headers of the first holder."""
    return bearer(person_of(assembly.holders[0]))


@pytest.fixture
def poll(client, assembly, holder) -> dict:
    answer = post(client, "polls", QUESTION, holder)
    assert answer.status_code == 201, answer.content
    return answer.json()


def cast(client, poll: dict, account, chosen: list[int], **fields):
    """As a wallet does: ask what to sign, sign it, hand it in."""
    asked = {"voter": account.address, "choice": chosen}
    request = post(client, f"polls/{poll['id']}/typed-data", asked)
    assert request.status_code == 200, request.content
    data = request.json()["typed_data"]
    data["message"]["issuedAt"] = int(data["message"]["issuedAt"])
    digest = typed_data_digest(data)
    signature = account.unsafe_sign_hash(digest).signature.hex()
    signed = {"issued_at": request.json()["issued_at"], "signature": "0x" + signature}
    return post(client, f"polls/{poll['id']}/ballots", {**asked, **signed, **fields})


def test_a_poll_is_opened_answered_and_its_bundle_downloaded(client, assembly, poll) -> None:
    assert (poll["state"], poll["voters"], poll["rules"]["options"]) == ("open", 0, OPTIONS)
    answer = cast(client, poll, assembly.holders[0], [1])
    assert answer.status_code == 201
    assert answer.json()["power_wei"] == str(60 * LAM)
    assert cast(client, poll, assembly.holders[1], [0]).status_code == 201
    shown = get(client, f"polls/{poll['id']}").json()
    assert shown["result"]["totals_wei"] == [str(30 * LAM), str(60 * LAM), "0"]
    assert (shown["result"]["winners"], shown["bundle_hash"]) == ([1], "")
    assert get(client, f"polls/{poll['id']}/bundle").status_code == 404
    publish(assembly, Poll.objects.get())
    shown = get(client, f"polls/{poll['id']}").json()
    assert (shown["state"], shown["result"]["winners"]) == ("published", [1])
    assert shown["bundle_hash"].startswith("0x")
    answer = get(client, f"polls/{poll['id']}/bundle")
    assert b"".join(answer.streaming_content)[:2] == b"PK"
    assert cast_late(client, poll, assembly).status_code == 409


def cast_late(client, poll, assembly):
    body = {"voter": assembly.holders[2].address, "choice": [0], "signature": "0x" + "11" * 65}
    body["issued_at"] = poll["opens_at"]
    return post(client, f"polls/{poll['id']}/ballots", body)


def test_lists_show_what_is_there(client, assembly, holder, poll) -> None:
    post(client, "polls", {**QUESTION, "title": "Another"}, holder)
    assert get(client, "polls").json()["count"] == 2
    cast(client, poll, assembly.holders[0], [1])
    cast(client, poll, assembly.holders[0], [2])
    rows = get(client, f"polls/{poll['id']}/ballots").json()["results"]
    assert [(row["choice"], row["counts"]) for row in rows] == [([2], True), ([1], False)]


def test_opening_is_for_signed_in_holders(client, assembly, holder) -> None:
    assert post(client, "polls", QUESTION).status_code == 401
    unscoped = bearer(person_of(assembly.holders[0]), "read", "contribute", "automate")
    assert post(client, "polls", QUESTION, unscoped).status_code == 403
    answer = post(client, "polls", QUESTION, bearer(make_user()))
    assert answer.status_code == 409
    assert "votes" in answer.json()["detail"]
    assert not Poll.objects.exists()


@pytest.mark.parametrize("path", ["", "/ballots", "/bundle"])
def test_reading_is_for_anyone_and_nothing_else_is_possible(client, poll, holder, path) -> None:
    where = f"{API}/polls/{poll['id']}{path}"
    assert get(client, f"polls/{poll['id']}{path}").status_code in {200, 404}
    for method in (client.put, client.patch, client.delete):
        assert method(where, {}, format="json", headers=holder).status_code == 405


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"title": ""}, "/title"),
        ({"options": ["one"]}, "/options"),
        ({"options": ["one", "one"]}, "/options"),
        ({"options": ["one", ""]}, "/options/1"),
        ({"method": "loudest"}, "/method"),
        ({"duration_seconds": 1}, "/duration_seconds"),
        ({"power_at": 2**47}, "/power_at"),
        ({"power_at": -1}, "/power_at"),
        ({"body": "a\0b"}, "/body"),
    ],
)
def test_a_poll_that_cannot_be_names_the_field(client, assembly, holder, fields, pointer) -> None:
    answer = post(client, "polls", {**QUESTION, **fields}, holder)
    assert answer.status_code == 400
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    assert not Poll.objects.exists()


@pytest.mark.parametrize(
    ("fields", "status", "pointer"),
    [
        ({"voter": "nobody"}, 400, "/voter"),
        ({"choice": [3]}, 400, "/choice"),
        ({"choice": [-1]}, 400, "/choice/0"),
        ({"choice": []}, 400, "/choice"),
        ({"issued_at": 1}, 400, "/issued_at"),
        ({"issued_at": 2**60}, 400, "/issued_at"),
        ({"signature": "0x1"}, 400, "/signature"),
        ({"signature": "0x" + "00" * 8193}, 400, "/signature"),
        ({"signature": "0x" + "11" * 65}, 409, None),
        ({"choice": [0]}, 409, None),
    ],
)
def test_a_hostile_ballot_is_refused(client, assembly, poll, fields, status, pointer) -> None:
    answer = cast(client, poll, assembly.holders[1], [1], **fields)
    assert answer.status_code == status, answer.content
    if pointer:
        assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]
    assert not PollBallot.objects.exists()


def test_a_poll_that_is_not_there_is_not_found(client, assembly) -> None:
    body = {"voter": assembly.holders[0].address, "choice": [0]}
    for poll_id in ("0x" + "1" * 64, "nothing"):
        assert get(client, f"polls/{poll_id}").status_code == 404
        assert get(client, f"polls/{poll_id}/ballots").status_code == 404
        assert post(client, f"polls/{poll_id}/typed-data", body).status_code == 404
