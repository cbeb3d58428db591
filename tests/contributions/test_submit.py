"""Submitting recorded work."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest
from celery import Celery
from django.db import connection
from eth_account import Account

from accounts import consent
from chain import signatures
from contributions import attestation, keys, sealing, submit
from contributions.envelope import EnvelopeError
from contributions.models import State, Workflow
from contributions.withdraw import withdraw
from lam_core.schema import parse_workflow
from tests import factories
from tests.contributions import recorded

pytestmark = pytest.mark.django_db


@pytest.fixture
def contributor():
    return factories.make_user()


def send(contributor, workflow, attested=None):
    return submit.submit(contributor=contributor, envelope=recorded.envelope(workflow, attested))


def refused(contributor, envelope, *, path, code=None):
    before = Workflow.objects.count()
    with pytest.raises(EnvelopeError) as error:
        submit.submit(contributor=contributor, envelope=envelope)
    assert path in [where for where, _ in error.value.errors]
    assert code in (None, error.value.code)
    assert Workflow.objects.count() == before


def test_a_workflow_is_stored_once_and_encrypted_under_its_own_key(contributor):
    document = recorded.document()
    row, created = send(contributor, document)
    assert created
    assert (row.state, row.task, row.steps, row.actions) == (State.SUBMITTED, "enter-text", 2, 2)
    stored = bytes(Workflow.objects.get().ciphertext)
    assert b"Alice" not in stored
    key = keys.read(contributor_id=contributor.pk, workflow_id=row.pk)
    plain = sealing.unseal(stored, key=key, workflow_id=row.pk)
    assert parse_workflow(plain) == parse_workflow(document)
    assert row.body_digest == parse_workflow(document).digest()


def test_two_workflows_have_two_keys(contributor):
    one, two = (recorded.submitted(contributor) for _ in range(2))
    found = keys.read_many([(contributor.pk, one.pk), (contributor.pk, two.pk)])
    assert found[one.pk] != found[two.pk]


def test_without_consent_nothing_is_stored(settings):
    newcomer = factories.make_user(consent=False)
    with pytest.raises(consent.ConsentMissing):
        send(newcomer, recorded.document())
    assert not Workflow.objects.exists()
    assert not Path(settings.KEY_STORE_DIR).exists()


def test_sending_again_is_harmless(contributor):
    document = recorded.document()
    row, _ = send(contributor, document)
    assert send(contributor, document) == (row, False)
    assert Workflow.objects.count() == 1


def test_the_same_id_with_other_content_is_a_conflict(contributor):
    document = recorded.document()
    row, _ = send(contributor, document)
    with pytest.raises(submit.Conflict, match="other content"):
        send(contributor, recorded.document(id=document["id"], offset=5))
    assert Workflow.objects.get().body_digest == row.body_digest


def test_the_id_of_anothers_workflow_is_a_conflict(contributor):
    document = recorded.document()
    send(contributor, document)
    with pytest.raises(submit.Conflict):
        send(factories.make_user(), document)


def test_a_withdrawn_workflow_cant_be_sent_again(contributor):
    document = recorded.document()
    row, _ = send(contributor, document)
    withdraw(contributor=contributor, workflow_id=row.pk)
    with pytest.raises(submit.Conflict, match="withdrawn"):
        send(contributor, document)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", ""),
        (b"{", ""),
        (b"[]", "workflow"),
        (b'{"workflow": 1}', "workflow"),
        (b'{"workflow": {}, "attestation": 3}', "attestation"),
        (b'{"workflow": {}, "extra": 3}', "extra"),
        (b'{"workflow": {"schema_version": 1}}', "workflow.id"),
    ],
)
def test_what_is_no_envelope_is_refused_by_field(contributor, body, path):
    refused(contributor, body, path=path)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"schema_version": 99}, "workflow.schema_version"),
        ({"steps": []}, "workflow.steps"),
        ({"source": "elsewhere"}, "workflow.source"),
        ({"success": True}, "workflow.success"),
        ({"id": "not-a-uuid"}, "workflow.id"),
    ],
)
def test_a_wrong_field_of_the_workflow_is_named(contributor, changes, path):
    refused(contributor, recorded.envelope(recorded.document(**changes)), path=path, code="schema")


def test_an_operators_attestation_is_kept(contributor, operator):
    done, failed = recorded.document(), recorded.document()
    row, _ = send(contributor, done, recorded.attest(operator, done))
    assert (row.attested, row.attested_by) == (True, operator.address)
    row, _ = send(contributor, failed, recorded.attest(operator, failed, success=False))
    assert row.attested is False


def test_without_attestation_nothing_is_claimed(contributor):
    row, _ = send(contributor, recorded.document())
    assert (row.attested, row.attested_by) == (None, "")


def test_only_an_operator_of_the_service_attests(contributor, operator):
    document = recorded.document()
    attested = recorded.attest(Account.create(), document)
    refused(contributor, recorded.envelope(document, attested), path="attestation.operator")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"success": "yes"}, "attestation.success"),
        ({"success": None}, "attestation.success"),
        ({"operator": "0x12"}, "attestation.operator"),
        ({"signature": "zz"}, "attestation.signature"),
        ({"signature": None}, "attestation.signature"),
        ({"comment": "x"}, "attestation.comment"),
    ],
)
def test_a_malformed_attestation_is_refused_by_field(contributor, operator, changes, path):
    document = recorded.document()
    attested = {**recorded.attest(operator, document), **changes}
    refused(contributor, recorded.envelope(document, attested), path=path, code="attestation")


def test_an_attestation_of_other_content_or_outcome_does_not_count(
    contributor, operator, node, settings
):
    settings.ETH_RPC_URL = node.url
    document = recorded.document()
    other = recorded.document(id=document["id"], offset=3)
    for attested in (
        recorded.attest(operator, other),
        recorded.attest(operator, recorded.document()),
        {**recorded.attest(operator, document, success=False), "success": True},
    ):
        refused(contributor, recorded.envelope(document, attested), path="attestation.signature")


def test_work_of_the_extension_cant_be_attested(contributor, operator):
    document = recorded.document(source="extension")
    attested = recorded.attest(operator, document)
    refused(contributor, recorded.envelope(document, attested), path="attestation.success")


def test_samples_are_refused_unless_the_installation_is_for_demonstration(contributor, settings):
    document = recorded.document(source="sample")
    settings.ALLOW_SAMPLES = False
    refused(contributor, recorded.envelope(document), path="workflow.source")
    settings.ALLOW_SAMPLES = True
    assert send(contributor, document)[1]


@pytest.mark.parametrize("host", ["paypal.com", "www.paypal.com", "a.b.chase.com", "PAYPAL.com."])
def test_recordings_of_blocked_sites_are_refused(contributor, host):
    document = recorded.document(source="extension")
    document["observations"][0]["page"] = {"origin": f"https://{host}"}
    refused(
        contributor, recorded.envelope(document), path="workflow.observations", code="blocked_site"
    )


def test_a_blocked_site_met_on_the_way_is_refused_too(contributor):
    document = recorded.document(source="extension")
    document["observations"][0]["page"] = {"origin": "https://shop.example"}
    document["steps"].append(
        {
            "action": "navigate",
            "at": 3_000,
            "until": 3_000,
            "observation": 0,
            "kind": "link",
            "page": {"origin": "https://www.paypal.com"},
        }
    )
    refused(contributor, recorded.envelope(document), path="workflow.observations")


@pytest.mark.parametrize(
    "origin",
    ["https://[", "https://a\0b", "https://" + "a" * 280, "https://a b.example", "//ä.example"],
)
def test_an_origin_that_is_none_is_refused(contributor, origin):
    document = recorded.document(source="extension")
    document["observations"][0]["page"] = {"origin": origin}
    refused(
        contributor, recorded.envelope(document), path="workflow.observations", code="bad_origin"
    )


def test_a_local_file_has_no_site(contributor):
    document = recorded.document(source="extension")
    document["observations"][0]["page"] = {"origin": "file://"}
    assert send(contributor, document)[0].site == ""


@pytest.mark.parametrize("host", ["notpaypal.com", "paypal.com.example.org", "shop.example"])
def test_other_sites_are_welcome(contributor, host):
    document = recorded.document(source="extension")
    document["observations"][0]["page"] = {"origin": f"https://{host}:8443"}
    row, _ = send(contributor, document)
    assert row.site == host


def test_settling_is_queued_when_the_row_is_committed(
    contributor, settings, monkeypatch, django_capture_on_commit_callbacks
):
    sent = []
    monkeypatch.setattr(
        "celery.current_app.send_task", lambda name, args, **options: sent.append((name, args))
    )
    with django_capture_on_commit_callbacks() as callbacks:
        row, _ = send(contributor, recorded.document())
        assert sent == []
    for callback in callbacks:
        callback()
    assert sent == [(settings.SETTLE_TASK, [str(row.pk)])]


def test_no_broker_loses_no_work(contributor, monkeypatch, django_capture_on_commit_callbacks):
    deaf = Celery(broker="redis://127.0.0.1:1/0", set_as_current=False)
    monkeypatch.setattr("celery.current_app", deaf)
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        row, _ = send(contributor, recorded.document())
    assert len(callbacks) == 1
    assert Workflow.objects.get(pk=row.pk).state == State.SUBMITTED


@pytest.mark.django_db(transaction=True)
def test_the_same_workflow_sent_eight_times_at_once_is_stored_once():
    contributor = factories.make_user()
    document = recorded.document()

    def attempt(_):
        try:
            return send(contributor, document)[1]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(attempt, range(8))) == [False] * 7 + [True]
    row = Workflow.objects.get()
    key = keys.read(contributor_id=contributor.pk, workflow_id=row.pk)
    assert sealing.unseal(row.ciphertext, key=key, workflow_id=row.pk)


def test_the_key_is_on_disk_before_the_row_exists(contributor, monkeypatch):
    document = recorded.document()
    insert, seen = Workflow.objects.bulk_create, []

    def bulk_create(rows):
        seen.extend(rows)
        assert all(keys.read(contributor_id=contributor.pk, workflow_id=row.pk) for row in rows)
        return insert(rows)

    monkeypatch.setattr(Workflow.objects, "bulk_create", bulk_create)
    send(contributor, document)
    assert [row.pk for row in seen] == [uuid.UUID(document["id"])]


def send_many(contributor, *documents):
    return submit.submit_many(
        contributor=contributor, envelopes=[recorded.envelope(each) for each in documents]
    )


def test_of_several_a_bad_one_stops_no_other(contributor):
    first, bad, last = (recorded.document() for _ in range(3))
    bad["steps"] = []
    results = send_many(contributor, first, bad, last)
    assert [isinstance(each, EnvelopeError) for each in results] == [False, True, False]
    assert results[1].errors[0][0] == "workflow.steps"
    assert {str(row.pk) for row in Workflow.objects.all()} == {first["id"], last["id"]}


def test_several_are_stored_once_however_often_they_come(contributor):
    documents = [recorded.document() for _ in range(3)]
    once = send_many(contributor, *documents[:2], documents[0])
    assert [created for _, created in once] == [True, True, False]
    again = send_many(contributor, *documents)
    assert [created for _, created in again] == [False, False, True]
    assert Workflow.objects.count() == 3


def test_one_id_with_two_contents_in_a_batch_is_a_conflict(contributor):
    first = recorded.document()
    results = send_many(contributor, first, recorded.document(id=first["id"], offset=5))
    assert results[0][1]
    assert isinstance(results[1], submit.Conflict)


def test_several_take_one_write_of_the_key_file(contributor, monkeypatch):
    writes = []
    replace = keys._replace
    monkeypatch.setattr(
        keys, "_replace", lambda path, new: (writes.append(len(new)), replace(path, new))
    )
    send_many(contributor, *(recorded.document() for _ in range(4)))
    assert writes == [4]


def test_several_cost_no_more_queries_than_one(contributor, django_assert_num_queries):
    with django_assert_num_queries(5):
        send_many(contributor, recorded.document())
    with django_assert_num_queries(5):
        send_many(contributor, *(recorded.document() for _ in range(6)))


@pytest.mark.django_db(transaction=True)
def test_batches_that_overlap_at_once_store_each_workflow_once():
    contributor = factories.make_user()
    documents = [recorded.document() for _ in range(6)]

    def attempt(n):
        try:
            return send_many(contributor, *documents[n % 3 : n % 3 + 4])
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        results = [each for batch in pool.map(attempt, range(6)) for each in batch]
    assert sum(created for _, created in results) == 6 == Workflow.objects.count()
    for row in Workflow.objects.all():
        key = keys.read(contributor_id=contributor.pk, workflow_id=row.pk)
        assert sealing.unseal(row.ciphertext, key=key, workflow_id=row.pk)


def test_an_eight_megabyte_workflow_is_taken(contributor):
    document = recorded.document()
    document["observations"] = [
        {
            **document["observations"][0],
            "elements": [
                document["observations"][0]["elements"][0],
                *(
                    {"parent": 0, "tag": "p", "box": [0, 0, 1, 1], "text": f"{n} " * 300}
                    for n in range(4_500)
                ),
            ],
        }
    ] * 2
    body = recorded.envelope(document)
    assert len(body) > 8 * 1024 * 1024
    row, created = submit.submit(contributor=contributor, envelope=body)
    assert created
    assert row.body_bytes > 8 * 1024 * 1024
    assert orjson.loads(body)["workflow"]["id"] == str(row.pk)


def test_the_digest_an_operator_signs_is_that_of_eip_712():
    for chain_id, success in ((1, True), (31337, False)):
        identity, body_digest = str(uuid.uuid4()), "0x" + "5a" * 32
        message = attestation.typed_data(
            chain_id=chain_id, workflow_id=identity, digest=body_digest, success=success
        )
        assert attestation.digest(
            chain_id=chain_id, workflow_id=identity, body_digest=body_digest, success=success
        ) == signatures.typed_data_digest(message)
