"""Putting a closed epoch on chain: mint its emission, submit its root, activate it.

Each call does what is due next and no more, so that the clock, an operator or a script may call it
as often as they like. A call to the chain is written down (chain.outbox) only when it would succeed
now: one that reverts would be given up for good.
"""

from typing import Any

from django.conf import settings

from chain import keys, outbox
from chain.abi import contract, revert_reason
from chain.deployment import Deployment, deployment
from chain.models import Intent
from chain.rpc import Reverted, Rpc
from points import bundle, epochs
from points.chain_models import RootVeto
from points.models import Epoch

PUBLISHER = "publisher"


class PublicationError(ValueError):
    """The epoch can't be published; says why."""


def publish(number: int, *, rpc: Rpc | None = None, again_after_veto: bool = False) -> str:
    """Bring an epoch one step further on chain; returns what is being waited for, or "done".

    Raises PublicationError when a step is refused: not closed, altered bundle, root vetoed (unless
    `again_after_veto`), or the contract's own reason. Raises ChainUnavailable.
    """
    epoch = Epoch.objects.filter(pk=number).first()
    if epoch is None or epoch.closed_at is None:
        raise PublicationError(f"Epoch {number} is not closed.")
    steps = _Steps(epoch, rpc or Rpc(settings.ETH_RPC_URL))
    state = epochs.state(epoch)
    if state in {"active", "final"}:
        return "done"
    if state == "vetoed" and not again_after_veto:
        raise PublicationError(f"The root of epoch {number} was vetoed; look before submitting.")
    if steps.read("activeEpoch") >= number:
        return "finality"
    steps.mint()
    return steps.submit_or_activate()


class _Steps:
    """The calls of one epoch's publication."""

    def __init__(self, epoch: Epoch, rpc: Rpc) -> None:
        self.epoch = epoch
        self.rpc = rpc
        self.ours: Deployment = deployment()
        if (epoch.chain_id, epoch.distributor) != (
            self.ours.chain_id,
            self.ours.address("RewardsDistributor"),
        ):
            raise PublicationError(
                f"Epoch {epoch.number} was closed for distributor {epoch.distributor or 'none'} on "
                f"chain {epoch.chain_id}; the deployment is another."
            )
        rpc.require_chain(self.ours.chain_id)

    def read(self, function: str, *arguments: Any, of: str = "RewardsDistributor") -> Any:
        """A view call at the latest block."""
        data = contract(of).encode_call(function, *arguments)
        answer = self.rpc.read(to=self.ours.address(of), data=data)
        return contract(of).decode_result(function, answer)

    def mint(self) -> None:
        """Intend to mint what the schedule gives for the epoch, once."""
        if self.read("emissionMinted", self.epoch.number, of="LAMToken"):
            return
        self._intend("LAMToken", "mintEmission", self.epoch.number, step="mint")

    def submit_or_activate(self) -> str:
        """Intend the next call on the distributor, when it is due."""
        pending = self.read("pendingRoot")
        if int(pending["root"], 16) == 0:
            return self._submit()
        if pending["root"] != self.epoch.root:
            raise PublicationError(
                f"Another root waits for activation: {pending['root']} of epoch {pending['epoch']}."
            )
        header = self.rpc.header("latest")
        if header is None or header.timestamp < pending["activatableAt"]:
            return "veto window"
        self._intend("RewardsDistributor", "activate", step="activate")
        return "activation"

    def _submit(self) -> str:
        if not self.read("emissionMinted", self.epoch.number, of="LAMToken"):
            return "emission"
        self._check_bundle()
        vetoes = RootVeto.objects.filter(epoch_number=self.epoch.number).count()
        step = f"submit{vetoes or ''}"
        self._intend("RewardsDistributor", "submitRoot", self._header(), step=step)
        return "submission"

    def _header(self) -> dict[str, Any]:
        epoch = self.epoch
        return {
            "epoch": epoch.number,
            "root": epoch.root,
            "total": epoch.total_wei,
            "sourceTotals": list(epochs.source_totals(epoch)),
            "policyHash": epoch.policy_hash,
            "ledgerRoot": epoch.ledger_root,
            "bundleHash": epoch.bundle_hash,
        }

    def _check_bundle(self) -> None:
        """What goes on chain must be what lies there for everyone to check."""
        path = bundle.path_of(settings.BUNDLES_DIR, self.epoch.number)
        try:
            sound = bundle.bundle_hash(path) == self.epoch.bundle_hash
            altered = bundle.altered_files(path)
        except bundle.BundleError as error:
            raise PublicationError(f"Epoch {self.epoch.number}: {error}") from error
        if not sound or altered:
            raise PublicationError(
                f"The bundle of epoch {self.epoch.number} was altered: "
                f"{', '.join(altered) or 'manifest.json'}."
            )

    def _intend(self, owner: str, function: str, *arguments: Any, step: str) -> None:
        """Write the call down unless it is; one that failed on chain is made again."""
        data = contract(owner).encode_call(function, *arguments)
        to = self.ours.address(owner)
        key = f"epoch:{self.ours.chain_id}:{self.epoch.number}:{step}:"
        made = Intent.objects.filter(key__startswith=key)
        if made.exclude(state=Intent.State.FAILED).exists():
            return
        self._require_success(to, data, f"{owner}.{function}")
        purpose = f"{function} of epoch {self.epoch.number}"
        outbox.intend(
            sender=PUBLISHER, to=to, data=data, key=f"{key}{made.count()}", purpose=purpose
        )

    def _require_success(self, to: str, data: bytes, name: str) -> None:
        try:
            self.rpc.read(to=to, data=data, sender=keys.address(PUBLISHER))
        except Reverted as error:
            reason = revert_reason(error.data) if error.data else error.message
            raise PublicationError(f"{name} would fail: {reason}") from error
