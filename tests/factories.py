"""Makers of real rows for tests. Each takes only what a test cares about."""

import itertools
import uuid
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from accounts import tokens
from accounts.models import Consent, ConsentScope, Invite, Scope, User, Wallet
from contributions.models import State, Verdict, Workflow

_numbers = itertools.count(1)
# The private keys of users made here, by user id: `key_of(user)` signs with the user's own wallet.
_keys: dict[int, LocalAccount] = {}


def make_user(*, wallet: bool = True, consent: bool = True, **fields: Any) -> User:
    """A person; with a wallet of a fresh random key unless told otherwise."""
    key = Account.create()
    user = User.objects.create_user(
        name=key.address if wallet else f"person-{next(_numbers)}", **fields
    )
    if wallet:
        Wallet.objects.create(user=user, address=key.address, is_primary=True)
        _keys[user.pk] = key
    if consent:
        Consent.objects.create(user=user, scope=ConsentScope.CONTRIBUTE, version=1)
    return user


def key_of(user: User) -> LocalAccount:
    """The account that signs for a user made by `make_user`."""
    return _keys[user.pk]


def make_token(user: User, *scopes: str) -> str:
    """A bearer token of the user; all scopes unless named."""
    _, secret = tokens.issue(user=user, scopes=scopes or Scope.values)
    return secret


def bearer(user: User, *scopes: str) -> dict[str, str]:
    """Headers for Django's or DRF's test client: `client.get(url, headers=bearer(user))`."""
    return {"Authorization": f"Bearer {make_token(user, *scopes)}"}


def make_invite(**fields: Any) -> Invite:
    """An invite of the operator, good for one person."""
    return Invite.objects.create(**fields)


def make_workflow(
    contributor: User | None = None, *, state: State = State.SUBMITTED, **fields: Any
) -> Workflow:
    """A workflow's row alone: its ciphertext can't be opened. Submit one for a body that can."""
    content = {
        "task": "click-button",
        "body_digest": "0x" + uuid.uuid4().hex * 2,
        "shape_key": "click-button:click",
        "ciphertext": b"sealed",
    }
    empty = {"task": "", "body_digest": "", "shape_key": "", "ciphertext": b""}
    defaults = {
        "id": uuid.uuid4(),
        "contributor": contributor or make_user(),
        "state": state,
        "source": "miniwob",
        "body_bytes": 1000,
        "steps": 3,
        "actions": 2,
        **(empty if state == State.WITHDRAWN else content),
    }
    return Workflow.objects.create(**{**defaults, **fields})


def make_verdict(workflow: Workflow, *, accepted: bool = True, **fields: Any) -> Verdict:
    """A verdict on a workflow, whose state follows."""
    Workflow.objects.filter(pk=workflow.pk).update(
        state=State.ACCEPTED if accepted else State.REJECTED
    )
    workflow.refresh_from_db()
    defaults = {
        "release_hash": "0x" + "1" * 64,
        "accepted": accepted,
        "reasons": [] if accepted else [{"code": "structure"}],
        "verified_actions": 2 if accepted else 0,
        "score": 9000 if accepted else 0,
        "goal": "attested" if accepted else "unknown",
    }
    return Verdict.objects.create(workflow=workflow, **{**defaults, **fields})
