"""Publishing roots and claiming LAM on a real chain."""

import dataclasses
from dataclasses import dataclass

import pytest
from django.conf import settings as django_settings
from django.db import connection
from eth_account.messages import encode_typed_data
from rest_framework.test import APIClient

from accounts.models import User, Wallet
from chain.deploy import deploy
from chain.models import Intent
from chain.rebuild import differences
from config.genesis import development_parameters
from contributions.policy_document import load_policy
from points import audit, bundle, claims, epochs, ledger, publication, reconcile, verify
from points.chain_models import Claim, RelayedClaim, RootSubmission
from points.models import Account, Epoch, SystemAccount
from tests.conftest import KEYS, Chain
from tests.factories import bearer, key_of, make_user
from tests.points.makers import adopt_genesis, closed_epoch
from tests.points.onchain import follow, lam_of, publish_until, rpc, send, stranger

pytestmark = pytest.mark.django_db
EMISSION = load_policy().emission(1)


@dataclass
class Loop:
    """A chain on which epoch 1 is closed: two people share it 3 to 1."""

    chain: Chain
    rich: User
    poor: User

    def address(self, user: User) -> str:
        return Wallet.objects.get(user=user, is_primary=True).address

    def proof(self, user: User, number: int = 1) -> claims.Proof:
        return claims.proof(epoch=Epoch.objects.get(pk=number), address=self.address(user))

    def claim(self, user: User, by=None, **changes):
        """`claim` on the contract by the account itself, or by someone else for it."""
        proof = self.proof(user)
        given = {
            "account": proof.address,
            "cumulative": proof.cumulative_wei,
            "root": proof.root,
            "proof": proof.proof,
            **changes,
        }
        return send(self.chain, by or key_of(user), "RewardsDistributor", "claim", *given.values())

    def signed(self, user: User, recipient: str, key=None, **changes) -> dict:
        """A relay request with a signature."""
        account = self.address(user)
        data = claims.typed_data(user=user, account=account, recipient=recipient)
        data["message"] |= changes
        signature = (key or key_of(user)).sign_message(encode_typed_data(full_message=data))
        message = data["message"]
        return {
            "account": account,
            "recipient": message["recipient"],
            "cumulative_wei": int(message["cumulative"]),
            "nonce": int(message["nonce"]),
            "deadline": int(message["deadline"]),
            "signature": bytes(signature.signature),
        }


@pytest.fixture
def loop(chain, settings) -> Loop:
    settings.PROJECTIONS = ["points.claims.project"]
    adopt_genesis()
    rich, poor = make_user(), make_user()
    closed_epoch((rich, 30), (poor, 10))
    return Loop(chain, rich, poor)


@pytest.fixture
def active(loop) -> Loop:
    publish_until(loop.chain, 1)
    return loop


def test_a_closed_epoch_becomes_active_and_the_books_agree(active):
    epoch = Epoch.objects.get(pk=1)
    assert epochs.state(epoch) == "active"
    submission = RootSubmission.objects.get()
    assert (submission.root, submission.total_wei) == (epoch.root, EMISSION)
    assert submission.bundle_hash == epoch.bundle_hash
    assert publication.publish(1) == "done"
    assert audit.run(rpc=rpc()) == []
    path = bundle.path_of(django_settings.BUNDLES_DIR, 1)
    assert verify.verify(path, rpc=rpc()) == []


@pytest.mark.parametrize("source", range(3))
def test_a_source_that_gave_more_than_was_paid_in_is_named(active, source):
    """No root of it can be on chain; a node that says so is not believed."""
    published = verify.read(bundle.path_of(django_settings.BUNDLES_DIR, 1))
    sums = [int(each) for each in published.totals["source_totals_wei"]]
    sums[source] = 10**30
    totals = {**published.totals, "source_totals_wei": [str(each) for each in sums]}
    found = verify._check_funding(dataclasses.replace(published, totals=totals), rpc())
    assert [each.what for each in found] == [f"chain funding of {verify.SOURCES[source]}"]


def test_publishing_step_by_step_makes_each_call_once(loop):
    for _ in range(3):
        assert publication.publish(1) == "emission"
    assert Intent.objects.count() == 1
    follow(loop.chain, 1)
    for _ in range(3):
        assert publication.publish(1) == "submission"
    assert epochs.state(Epoch.objects.get(pk=1)) == "closed"
    follow(loop.chain)
    assert epochs.state(Epoch.objects.get(pk=1)) == "published"
    assert Intent.objects.count() == 2
    publish_until(loop.chain, 1)
    assert Intent.objects.filter(state=Intent.State.DONE).count() == 3


def test_an_open_epoch_is_not_published(loop):
    epochs.open_next()
    with pytest.raises(publication.PublicationError, match="Epoch 2 is not closed"):
        publication.publish(2)


def test_an_altered_bundle_is_not_published(loop):
    publication.publish(1)
    follow(loop.chain, 1)
    file = bundle.path_of(django_settings.BUNDLES_DIR, 1) / "allocations.json"
    file.write_bytes(file.read_bytes().replace(b'"millipoints":"30"', b'"millipoints":"31"'))
    with pytest.raises(publication.PublicationError, match=r"altered: allocations\.json"):
        publication.publish(1)


def test_own_wallet_claims_and_the_ledger_follows(active):
    receipt = active.claim(active.rich)
    assert receipt.succeeded
    follow(active.chain)
    share = active.proof(active.rich).cumulative_wei
    assert lam_of(active.chain, active.address(active.rich)) == share
    claim = Claim.objects.get()
    assert (claim.amount_wei, claim.entry.kind) == (share, "claim")
    account = Account.objects.get(address=active.address(active.rich))
    assert ledger.balance(account.pk) == 0
    assert audit.run(rpc=rpc()) == []


def test_anyone_may_claim_for_an_account_and_the_account_is_paid(active):
    assert active.claim(active.poor, by=stranger()).succeeded
    follow(active.chain)
    assert Claim.objects.get().recipient == active.address(active.poor)
    assert reconcile.differences(rpc=rpc()) == []


def test_a_signed_claim_is_relayed_to_its_recipient(active):
    recipient = stranger().address
    claims.relay(user=active.rich, **active.signed(active.rich, recipient))
    follow(active.chain)
    share = active.proof(active.rich).cumulative_wei
    assert lam_of(active.chain, recipient) == share
    claim = Claim.objects.get()
    assert (claim.account, claim.recipient) == (active.address(active.rich), recipient)
    assert Intent.objects.get(sender="relayer").state == Intent.State.DONE
    assert audit.run(rpc=rpc()) == []


def test_the_same_signed_claim_twice_is_one_transaction(active):
    request = active.signed(active.rich, stranger().address)
    first = claims.relay(user=active.rich, **request)
    assert claims.relay(user=active.rich, **request) == first
    follow(active.chain)
    assert claims.relay(user=active.rich, **request) == first
    assert RelayedClaim.objects.count() == Claim.objects.count() == 1


def test_a_claim_is_not_paid_twice(active):
    active.claim(active.rich)
    assert not active.claim(active.rich).succeeded
    follow(active.chain)
    with pytest.raises(claims.ClaimRefused, match="claimed all"):
        active.signed(active.rich, stranger().address)


def test_a_claim_mined_but_not_final_is_not_relayed_again(active):
    request = active.signed(active.rich, stranger().address)
    active.claim(active.rich)
    with pytest.raises(claims.ClaimRefused, match="NothingToClaim"):
        claims.relay(user=active.rich, **request)


def test_the_proof_of_another_account_redirected_to_oneself_is_refused(active):
    thief = active.poor
    request = active.signed(active.rich, active.address(thief), key=key_of(thief))
    with pytest.raises(claims.ClaimRefused, match="not a wallet of yours") as refused:
        claims.relay(user=thief, **request)
    assert refused.value.field == "account"
    with pytest.raises(claims.ClaimRefused, match="signature is not one of") as refused:
        claims.relay(user=active.rich, **request)
    assert refused.value.field == "signature"
    proof = active.proof(active.rich)
    stolen = active.claim(thief, by=key_of(thief), account=active.address(thief), proof=proof.proof)
    assert not stolen.succeeded
    assert not Intent.objects.filter(sender="relayer").exists()


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("recipient", lambda value: stranger().address),
        ("cumulative_wei", lambda value: value + 1),
        ("nonce", lambda value: value + (1 << 64)),
        ("deadline", lambda value: value + 1),
        ("signature", lambda value: b"\x01" + value[1:]),
        ("signature", lambda value: b"\x00" * 65),
    ],
)
def test_a_changed_part_of_a_signed_claim_is_refused(active, field, change):
    request = active.signed(active.rich, stranger().address)
    request[field] = change(request[field])
    with pytest.raises(claims.ClaimRefused, match="signature is not one of"):
        claims.relay(user=active.rich, **request)


def test_a_signed_amount_that_is_not_the_active_roots_is_refused(active):
    request = active.signed(active.rich, stranger().address, cumulative=str(5))
    with pytest.raises(claims.ClaimRefused, match="Under the active root"):
        claims.relay(user=active.rich, **request)


def test_an_expired_signature_is_refused(active):
    request = active.signed(active.rich, stranger().address, deadline="1000")
    with pytest.raises(claims.ClaimRefused, match="SignatureExpired"):
        claims.relay(user=active.rich, **request)


def test_a_contract_of_the_platform_cannot_be_paid(active):
    with pytest.raises(claims.ClaimRefused, match="contract of the platform"):
        active.signed(active.rich, active.chain.address("RewardsDistributor"))


def test_an_account_has_few_relays_a_day(active, monkeypatch):
    monkeypatch.setattr(claims, "RELAYS_PER_ACCOUNT_PER_DAY", 1)
    claims.relay(user=active.rich, **active.signed(active.rich, stranger().address))
    with pytest.raises(claims.TooManyRelays):
        claims.relay(user=active.rich, **active.signed(active.rich, stranger().address))


def test_a_second_claim_waits_until_the_first_is_final(active):
    claims.relay(user=active.rich, **active.signed(active.rich, stranger().address))
    with pytest.raises(claims.ClaimRefused, match="under way"):
        claims.relay(user=active.rich, **active.signed(active.rich, stranger().address))


def test_claims_share_the_relayers_gas_of_a_day(active, settings):
    gas = claims.relay(user=active.rich, **active.signed(active.rich, stranger().address)).gas_max
    settings.RELAY_GAS_PER_DAY = gas + gas // 2
    with pytest.raises(claims.TooManyRelays, match="used up"):
        claims.relay(user=active.poor, **active.signed(active.poor, stranger().address))
    settings.RELAY_GAS_MAX = 50_000
    with pytest.raises(claims.ClaimRefused):
        claims.relay(user=active.poor, **active.signed(active.poor, stranger().address))
    assert RelayedClaim.objects.count() == 1


def test_nothing_is_claimable_before_a_root_is_active(loop):
    with pytest.raises(claims.ClaimRefused, match="No root is active"):
        loop.signed(loop.rich, stranger().address)


def test_the_second_epoch_adds_to_the_first(active):
    active.claim(active.rich)
    follow(active.chain)
    closed_epoch((active.rich, 10), (active.poor, 10))
    publish_until(active.chain, 2)
    assert epochs.states(list(Epoch.objects.all())) == {1: "final", 2: "active"}
    proof = active.proof(active.rich, 2)
    owed = proof.cumulative_wei - claims.claimed_wei(proof.address)
    assert owed == EMISSION // 2
    receipt = send(
        active.chain, stranger(), "RewardsDistributor", "claim",
        proof.address, proof.cumulative_wei, proof.root, proof.proof,
    )  # fmt: skip
    assert receipt.succeeded
    follow(active.chain)
    assert lam_of(active.chain, proof.address) == proof.cumulative_wei
    assert audit.run(rpc=rpc()) == []
    folder = django_settings.BUNDLES_DIR
    first, second = bundle.path_of(folder, 1), bundle.path_of(folder, 2)
    assert verify.verify(second, previous=first, rpc=rpc()) == []


def test_an_idle_epoch_can_be_published_too(active):
    closed_epoch()
    publish_until(active.chain, 2)
    assert audit.run(rpc=rpc()) == []


def test_a_first_epoch_without_work_can_be_published(chain, settings):
    settings.PROJECTIONS = ["points.claims.project"]
    adopt_genesis()
    closed_epoch()
    publish_until(chain, 1)
    assert audit.run(rpc=rpc()) == []


def test_rebuilding_the_projection_changes_nothing_and_books_nothing_twice(active):
    active.claim(active.rich)
    follow(active.chain)
    before = ledger.Entry.objects.count()
    assert differences(claims.project, keep=False) == []
    assert ledger.Entry.objects.count() == before


def test_a_claim_the_ledger_does_not_know_is_named(active):
    """As if a root had been published that this ledger never made."""
    active.claim(active.rich)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE points_balance SET amount = 5 WHERE amount > 0")
        cursor.execute("SET LOCAL session_replication_role = origin")
    follow(active.chain)
    assert Claim.objects.get().entry is None
    assert any("an entry" in str(each) for each in reconcile.differences())


@pytest.fixture
def slow_to_activate(chain, settings, tmp_path) -> Chain:
    """The contracts with a veto window of an hour."""
    usual = development_parameters(
        publisher=KEYS["publisher"].address, guardian=KEYS["guardian"].address
    )
    parameters = dataclasses.replace(usual, veto_seconds=3600)
    settings.DEPLOYMENT_PATH = tmp_path / "slow.json"
    manifest = deploy(
        chain.url, chain.deployer.key, parameters, manifest_path=settings.DEPLOYMENT_PATH
    )
    return dataclasses.replace(chain, manifest=manifest)


def test_a_vetoed_root_is_not_submitted_again_by_itself(slow_to_activate, settings):
    settings.PROJECTIONS = ["points.claims.project"]
    adopt_genesis()
    closed_epoch((make_user(), 30))
    publish_until(slow_to_activate, 1, "published")
    assert publication.publish(1) == "veto window"
    guardian = KEYS["guardian"]
    assert send(slow_to_activate, guardian, "RewardsDistributor", "veto", 1).succeeded
    follow(slow_to_activate)
    assert epochs.state(Epoch.objects.get(pk=1)) == "vetoed"
    with pytest.raises(publication.PublicationError, match="was vetoed"):
        publication.publish(1)
    assert publication.publish(1, again_after_veto=True) == "submission"
    follow(slow_to_activate)
    assert epochs.state(Epoch.objects.get(pk=1)) == "published"
    assert RootSubmission.objects.count() == 2


def test_claims_over_the_api(active):
    client = APIClient()
    recipient = stranger().address
    mine = bearer(active.rich)
    answer = client.post(
        "/api/v1/claims/typed-data", {"recipient": recipient}, "json", headers=mine
    )
    assert answer.status_code == 200, answer.json()
    data = answer.json()
    signature = key_of(active.rich).sign_message(encode_typed_data(full_message=data)).signature
    body = {**data["message"], "signature": "0x" + signature.hex()}
    relayed = client.post("/api/v1/claims/relay", body, "json", headers=mine)
    assert relayed.status_code == 202, relayed.json()
    other = client.post("/api/v1/claims/relay", body, "json", headers=bearer(active.poor))
    assert other.status_code == 400
    assert other.json()["errors"][0]["pointer"] == "/account"
    follow(active.chain)
    listed = client.get("/api/v1/claims", headers=mine).json()["results"]
    assert [each["recipient"] for each in listed] == [recipient]
    balance = client.get("/api/v1/points/balance", headers=mine).json()
    assert balance["claimed_wei"] == listed[0]["amount_wei"] == balance["allocated_wei"]
    own = client.get("/api/v1/epochs/1/proof", headers=mine).json()
    assert (own["state"], own["claimable_wei"]) == ("active", "0")
    assert client.get("/api/v1/epochs/1").json()["state"] == "active"
    assert SystemAccount.CLAIMED.name.lower() in audit.system_balances()
