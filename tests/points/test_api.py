"""The API of points: who may ask, what is told to whom, and at what cost."""

import io
import zipfile
from decimal import Decimal

import pytest
from django.conf import settings as django_settings
from rest_framework.test import APIClient

from accounts import referrals
from contributions import withdraw
from contributions.policy_document import load_policy
from points import bundle, claims, epochs, rewards, verify
from points.chain_models import Claim, RelayedClaim
from points.merkle import verify_proof
from points.models import Epoch
from tests.factories import bearer, make_user
from tests.points.makers import adopt_genesis, closed_epoch, earn, make_account, settled_work

pytestmark = pytest.mark.django_db
OWN = ["/api/v1/points/balance", "/api/v1/points/entries", "/api/v1/claims"]
PUBLIC = [
    "/api/v1/epochs",
    "/api/v1/epochs/1",
    "/api/v1/epochs/1/bundle",
    "/api/v1/epochs/1/allocations.parquet",
]
SIGNED = ["/api/v1/claims/typed-data", "/api/v1/claims/relay"]


@pytest.fixture(autouse=True)
def adopted() -> None:
    adopt_genesis()


def get(url: str, user=None, **kwargs):
    headers = bearer(user) if user else {}
    return APIClient().get(url, headers=headers, **kwargs)


@pytest.mark.parametrize("url", [*OWN, "/api/v1/epochs/1/proof"])
def test_ones_own_data_needs_a_sign_in_with_the_scope_to_read(url):
    closed_epoch((make_user(), 5))
    nobody = get(url)
    assert nobody.status_code == 401
    assert nobody.headers["content-type"] == "application/problem+json"
    other = APIClient().get(url, headers=bearer(make_user(), "contribute"))
    assert other.status_code == 403
    assert "scope 'read'" in other.json()["detail"]


@pytest.mark.parametrize("url", SIGNED)
def test_claims_need_a_sign_in_with_the_scope_for_the_account(url):
    client = APIClient()
    assert client.post(url, {}, "json").status_code == 401
    assert client.post(url, {}, "json", headers=bearer(make_user(), "read")).status_code == 403
    assert not RelayedClaim.objects.exists()


@pytest.mark.parametrize("url", PUBLIC)
def test_epochs_are_public(url):
    closed_epoch((make_user(), 5))
    answer = get(url)
    answer.close()
    assert answer.status_code == 200


@pytest.mark.parametrize("url", [*OWN, *PUBLIC, "/api/v1/epochs/1/proof"])
def test_nothing_can_be_written_by_what_only_reads(url):
    client = APIClient()
    for method in (client.post, client.put, client.patch, client.delete):
        assert method(url, {}, "json", headers=bearer(make_user())).status_code == 405


def test_a_balance_tells_points_by_source_and_lam(operator):
    person, other = make_user(), make_user()
    closed_epoch((person, 30), (other, 10))
    epochs.open_next()
    settled_work(person, operator)
    found = get("/api/v1/points/balance", person).json()
    assert (found["epoch"], found["epoch_state"]) == (2, "open")
    assert found["millipoints"] == 120_000
    assert found["by_category"] == {"work": 120_000}
    assert (
        found["allocated_wei"] == found["unclaimed_wei"] == str(load_policy().emission(1) * 3 // 4)
    )
    assert found["claimed_wei"] == found["expired_wei"] == "0"


def test_someone_new_has_nothing():
    found = get("/api/v1/points/balance", make_user()).json()
    assert (found["epoch"], found["millipoints"], found["allocated_wei"]) == (None, 0, "0")


def test_entries_tell_the_inputs_of_ones_own_work_only(operator):
    epochs.open_next()
    near, person, stranger = make_user(), make_user(), make_user()
    referrals.record(referred=person, referrer=near)
    workflow = settled_work(person, operator).verdict.workflow_id
    (mine,) = get("/api/v1/points/entries", person).json()["results"]
    assert (mine["workflow"], mine["amount"], mine["unit"]) == (
        str(workflow),
        "120000",
        "millipoints",
    )
    assert mine["inputs"]["verified_actions"] == 2
    (theirs,) = get("/api/v1/points/entries", near).json()["results"]
    assert (theirs["category"], theirs["amount"]) == ("referral", "12000")
    assert (theirs["workflow"], theirs["inputs"]) == (None, {})
    assert get("/api/v1/points/entries", stranger).json()["results"] == []


def test_after_a_withdrawal_the_entry_stays_and_the_link_is_gone(operator):
    epochs.open_next()
    person = make_user()
    workflow = settled_work(person, operator).verdict.workflow_id
    withdraw.withdraw(contributor=person, workflow_id=workflow)
    rewards.reverse_withdrawn()
    rows = get("/api/v1/points/entries", person).json()["results"]
    assert [row["category"] for row in rows] == ["reversed", "work"]
    assert [row["workflow"] for row in rows] == [None, None]


def test_entries_come_in_pages_each_at_the_same_cost(django_assert_max_num_queries):
    epochs.open_next()
    person = make_user()
    for n in range(5):
        earn(make_account(person), n + 1)
    headers = bearer(person)
    url, seen = "/api/v1/points/entries?page_size=2", []
    while url:
        with django_assert_max_num_queries(3):
            page = APIClient().get(url, headers=headers).json()
        seen += [row["amount"] for row in page["results"]]
        url = page["next"]
    assert seen == ["5", "4", "3", "2", "1"]


def test_listing_epochs_takes_the_same_queries_for_one_and_three(django_assert_num_queries):
    for count in (1, 3):
        while Epoch.objects.count() < count:
            closed_epoch((make_user(), 5))
        with django_assert_num_queries(3):
            rows = get("/api/v1/epochs").json()["results"]
        assert [row["number"] for row in rows] == list(range(count, 0, -1))
        assert {row["state"] for row in rows} == {"closed"}


def test_an_epoch_tells_its_totals_and_not_its_secret():
    closed_epoch((make_user(), 5))
    found = get("/api/v1/epochs/1").json()
    assert found["emission_wei"] == found["total_wei"] == str(load_policy().emission(1))
    assert found["root"] == Epoch.objects.get(pk=1).root
    assert "salt" not in found


@pytest.mark.parametrize("rest", ["", "/bundle", "/proof/0x" + "1" * 40])
def test_an_unknown_epoch_is_a_404(rest):
    answer = get(f"/api/v1/epochs/7{rest}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_open_epoch_has_no_bundle():
    epochs.open_next()
    assert get("/api/v1/epochs/1/bundle").status_code == 404


def test_the_downloaded_bundle_holds_in_a_strangers_hands(tmp_path):
    closed_epoch((make_user(), 5), (make_user(), 7))
    first, again = [b"".join(get("/api/v1/epochs/1/bundle")) for _ in range(2)]
    assert first == again
    zipfile.ZipFile(io.BytesIO(first)).extractall(tmp_path)
    assert verify.verify(tmp_path / "epoch-1") == []


def test_ones_own_proof_is_under_the_root():
    person = make_user()
    epoch = closed_epoch((person, 5), (make_user(), 7))
    found = get("/api/v1/epochs/1/proof", person).json()
    assert verify_proof(root=epoch.root, leaf=found["leaf"], proof=found["proof"])
    assert Decimal(found["claimable_wei"]) == Decimal(found["cumulative_wei"]) > 0
    assert (found["chain_id"], found["state"]) == (31337, "closed")
    public = get(f"/api/v1/epochs/1/proof/{found['address'].lower()}").json()
    assert public == found


def test_without_a_leaf_there_is_no_proof():
    closed_epoch((make_user(), 5))
    assert get("/api/v1/epochs/1/proof", make_user()).status_code == 404
    assert get("/api/v1/epochs/1/proof", make_user(wallet=False)).status_code == 404
    for address in ("0x" + "1" * 40, "0x12", "nonsense"):
        assert get(f"/api/v1/epochs/1/proof/{address}").status_code == 404


def test_a_bundle_that_is_gone_is_a_404_not_a_crash():
    person = make_user()
    closed_epoch((person, 5))
    path = bundle.path_of(django_settings.BUNDLES_DIR, 1)
    for file in path.iterdir():
        file.unlink()
    path.rmdir()
    assert get("/api/v1/epochs/1/bundle").status_code == 404
    assert get("/api/v1/epochs/1/proof", person).status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("recipient", "0x12"),
        ("recipient", None),
        ("account", "not an address"),
        ("cumulative", "1.5"),
        ("cumulative", "-1"),
        ("cumulative", str(2**256)),
        ("nonce", "0x10"),
        ("deadline", ""),
        ("signature", "0x123"),
        ("signature", "hello"),
    ],
)
def test_a_malformed_field_of_a_claim_is_named(field, value):
    body = {
        "account": "0x" + "1" * 40,
        "recipient": "0x" + "2" * 40,
        "cumulative": "5",
        "nonce": "5",
        "deadline": "5",
        "signature": "0x" + "11" * 65,
        field: value,
    }
    user = make_user()
    answer = APIClient().post("/api/v1/claims/relay", body, "json", headers=bearer(user))
    assert answer.status_code == 400
    assert [each["pointer"] for each in answer.json()["errors"]] == [f"/{field}"]


def test_ones_claims_are_those_of_ones_wallets():
    person, other = make_user(), make_user()
    for n, user in enumerate((person, other)):
        Claim.objects.create(
            chain_id=31337,
            block_number=n,
            block_hash=f"0x{n:064x}",
            log_index=0,
            transaction_hash=f"0x{n:064x}",
            at="2026-01-01T00:00:00Z",
            account=user.wallets.get().address,
            recipient=user.wallets.get().address,
            amount_wei=5,
            cumulative_wei=5,
        )
    rows = get("/api/v1/claims", person).json()["results"]
    assert [row["account"] for row in rows] == [person.wallets.get().address]
    assert claims.claimed_wei(rows[0]["account"]) == 5
