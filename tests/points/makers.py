"""Makers of epochs, ledger rows and verified work for tests."""

import random
import secrets
import time
import uuid
from typing import Any

from django.conf import settings
from django.utils import timezone
from eth_account.signers.local import LocalAccount

from accounts.models import User
from chain.projection import DecodedLog
from contributions import policy
from contributions.models import Adoption, Kind, Workflow
from contributions.policy_document import load_policy
from lam_core.verify import load_release
from points import epochs, ledger, rewards
from points.models import Category, Entry, EntryKind, Epoch, SystemAccount
from tests.contributions import recorded
from tests.factories import make_user

HASH = "0x" + "a1" * 32


def make_epoch(number: int = 1, **fields: Any) -> Epoch:
    """An open epoch under the genesis policy and the first verifier release."""
    defaults = {
        "policy_hash": load_policy().hash,
        "release_hash": load_release("rules-1").hash,
        "salt": secrets.token_bytes(32),
        "opened_at": timezone.now(),
    }
    return Epoch.objects.create(number=number, **{**defaults, **fields})


def earn(account: int, amount: int, *, epoch: int = 1, key: str = "") -> Entry:
    """Points out of issuance, without any work behind them."""
    return ledger.post(
        kind=EntryKind.CARRY,
        key=key or f"test:{secrets.token_hex(8)}",
        epoch=epoch,
        lines=[
            ledger.Amount(SystemAccount.ISSUANCE, -amount, Category.WORK),
            ledger.Amount(account, amount, Category.WORK),
        ],
        request={"account": account, "amount": amount},
    )


def make_account(user: User | None = None) -> int:
    """A person's points account; a new person's unless one is given."""
    return ledger.points_account((user or make_user()).pk)


def adopt(kind: Kind, document_hash: str, *, epoch: int = 0, block: int = 1) -> Adoption:
    """As the projection of a finalized Adopted event records it."""
    return policy.adopt(
        DecodedLog(
            contract="Registry",
            event="Adopted",
            arguments={
                "kind": int(kind),
                "contentHash": document_hash,
                "uri": "",
                "effectiveEpoch": epoch,
                "by": "0x" + "1" * 40,
            },
            address="0x" + "2" * 40,
            chain_id=31337,
            block_number=block,
            block_hash="0x" + secrets.token_hex(32),
            block_timestamp=int(time.time()),
            log_index=0,
            transaction_hash="0x" + secrets.token_hex(32),
        )
    )


def adopt_genesis() -> None:
    """What the Registry's constructor adopts."""
    adopt(Kind.REWARD_POLICY, load_policy().hash)
    adopt(Kind.VERIFIER_RELEASE, load_release("rules-1").hash)


def adopt_policy(*, epoch: int = 0, block: int = 2, **changes: Any) -> str:
    """A changed policy becomes known and adopted; returns its hash."""
    document = {**load_policy().document, **changes}
    known = policy.register_document(document)
    adopt(Kind.REWARD_POLICY, known.hash, epoch=epoch, block=block)
    return known.hash


def humanly(seed: int) -> dict[str, Any]:
    """A workflow document whose page, rhythm and positions are its own."""
    random_ = random.Random(seed)
    document = recorded.document()
    click, typed = document["steps"]
    click["at"] = random_.randint(700, 2400)
    click["until"] = click["at"] + random_.randint(70, 160)
    click["presses"] = [{"down": click["at"], "up": click["until"]}]
    click["point"] = [random_.randint(15, 95), random_.randint(12, 28)]
    at = click["until"] + random_.randint(400, 1900)
    typed["at"] = at
    typed["keys"] = []
    for _ in range(5):
        up = at + random_.randint(50, 120)
        typed["keys"].append({"kind": "character", "down": at, "up": up})
        at += random_.randint(110, 330)
    typed["until"] = at
    # A page of its own: on the same one, any two short recordings are much alike.
    document["observations"][0]["elements"][1]["id"] = f"name-{seed}"
    document["task"]["name"] = f"enter-text-{seed}"
    return {**document, "id": str(uuid.UUID(int=random_.getrandbits(128), version=4))}


def submit_work(contributor: User, operator: LocalAccount, *, seed: int | None = None) -> Workflow:
    """Attested work that waits for its verdict."""
    document = humanly(secrets.randbits(32) if seed is None else seed)
    envelope = recorded.envelope(document, recorded.attest(operator, document))
    row, _ = recorded.submit.submit(contributor=contributor, envelope=envelope)
    return row


def settled_work(contributor: User, operator: LocalAccount, **given: Any) -> rewards.Settlement:
    """Attested work, judged and paid."""
    settlement = rewards.settle(submit_work(contributor, operator, **given).pk)
    assert settlement is not None
    assert settlement.verdict.accepted, settlement.verdict.reasons
    return settlement


def bundle_bytes(number: int) -> dict[str, bytes]:
    """Every file of an epoch's bundle."""
    folder = settings.BUNDLES_DIR / f"epoch-{number}"
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def closed_epoch(*earnings: tuple[User, int]) -> Epoch:
    """Open the next epoch, let people earn millipoints in it, and close it."""
    epoch = epochs.open_next()
    for user, amount in earnings:
        earn(make_account(user), amount, epoch=epoch.number)
    return epochs.close(epoch.number)
