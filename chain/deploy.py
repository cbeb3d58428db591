"""Deploys the contracts and writes the manifest that the service reads. No Django.

The contracts name each other in immutable fields, so their addresses are computed beforehand from
the deployer's nonce. The timelock is made with the Governor as its only proposer, executor and
canceller and without an admin: at no moment can the deployer do more than anybody else.

    python -m chain.deploy --rpc-url URL --key-file FILE --parameters FILE... --manifest FILE
"""

import argparse
import hashlib
import json
import os
import time
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from chain.abi import ABI_DIR, AbiError, contract
from chain.parameters import (
    DEVELOPMENT_CHAINS,
    DeploymentError,
    DeploymentParameters,
    GenesisDocument,
)
from chain.rpc import ChainError, Reverted, Rpc

RECEIPT_TIMEOUT_SECONDS = 120
ZERO_ADDRESS = "0x" + "00" * 20

# The order of creation; a contract's address follows from its place.
ORDER = (
    "TimelockController",
    "Handover",
    "Registry",
    "LAMToken",
    "LAMGovernor",
    "RewardsVault",
    "RewardsDistributor",
    "ActionCredits",
)


class Capability(IntEnum):
    """As in contracts/src/interfaces/IHandover.sol."""

    ROOT_PUBLISHER = 0
    GUARDIAN = 1
    EXTENSION_RELEASE = 2
    VERIFIER_RELEASE = 3
    MODEL_RELEASE = 4
    REWARD_POLICY = 5
    TREASURY_VAULT = 6


def deploy(
    rpc_url: str,
    deployer_key: bytes | str,
    parameters: DeploymentParameters,
    *,
    manifest_path: Path,
    short_times: bool = False,
) -> dict[str, Any]:
    """Deploy all contracts and write the manifest; one whose contracts stand is returned as it is.

    On a chain that is not a development chain, parameters below PRODUCTION_MINIMUMS are refused
    unless `short_times` says that it is a rehearsal; the manifest then says so too.

    Raises ChainUnavailable, and DeploymentError when the manifest belongs to another chain, the
    parameters are not for production, the deployer cannot pay, a creation fails, or the roles are
    not what they should be.
    """
    rpc = Rpc(rpc_url)
    existing = _standing(rpc, manifest_path)
    if existing is not None:
        return existing
    if rpc.chain_id() not in DEVELOPMENT_CHAINS and not short_times:
        parameters.check_production()
    deployer: LocalAccount = Account.from_key(deployer_key)
    header = rpc.header("latest")
    if header is None:
        raise DeploymentError(f"the node at {rpc_url} has no block")
    nonce = rpc.nonce(deployer.address, "pending")
    addresses = {name: created(deployer.address, nonce + i) for i, name in enumerate(ORDER)}
    arguments = constructor_arguments(parameters, addresses, now=header.timestamp)
    hashes = _create_all(rpc, deployer, nonce, arguments)
    blocks = [_mined(rpc, name, hashes[name]) for name in ORDER]
    verify_roles(rpc, addresses, deployer.address)
    manifest = _manifest(rpc, parameters, addresses, arguments, hashes, min(blocks))
    manifest["short_times"] = short_times
    write_manifest(manifest_path, manifest)
    return manifest


def created(sender: str, nonce: int) -> str:
    """The address of the contract that `sender` creates with `nonce` (keccak of the RLP pair)."""
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    # RLP: a byte below 0x80 is itself, anything else gets its length in front.
    item = number if len(number) == 1 and number[0] < 0x80 else bytes([0x80 + len(number)]) + number
    body = b"\x94" + bytes.fromhex(sender[2:]) + item
    return to_checksum_address(keccak(bytes([0xC0 + len(body)]) + body)[12:])


def constructor_arguments(
    parameters: DeploymentParameters, addresses: dict[str, str], *, now: int
) -> dict[str, list[Any]]:
    """The constructor arguments of every contract; `now` is the Unix time that terms run from."""
    timelock, governor = addresses["TimelockController"], addresses["LAMGovernor"]
    token, handover = addresses["LAMToken"], addresses["Handover"]
    vault, registry = addresses["RewardsVault"], addresses["Registry"]
    return {
        "TimelockController": [
            parameters.timelock_delay_seconds,
            [governor],
            [governor],
            ZERO_ADDRESS,
        ],
        "Handover": [timelock, _terms(parameters, now)],
        "Registry": [handover, _genesis(parameters.policy), _genesis(parameters.verifier)],
        "LAMToken": [
            vault,
            addresses["RewardsDistributor"],
            handover,
            parameters.emission_start or now,
            parameters.epoch_seconds,
            [[to_checksum_address(a.recipient), a.amount_wei] for a in parameters.allocations],
        ],
        "LAMGovernor": [token, timelock, handover, _governor_parameters(parameters)],
        "RewardsVault": [token, addresses["RewardsDistributor"], handover],
        "RewardsDistributor": [
            token,
            vault,
            registry,
            handover,
            parameters.veto_seconds,
            parameters.expiry_seconds,
        ],
        "ActionCredits": [token, vault, registry, handover, *_credit_delays(parameters)],
    }


def _credit_delays(parameters: DeploymentParameters) -> list[int]:
    """Veto, settlement, withdrawal, exit: each later than what it must wait for."""
    veto, settlement = parameters.veto_seconds, parameters.credit_settlement_seconds
    withdrawal = parameters.credit_withdrawal_seconds or veto + settlement + 1
    return [veto, settlement, withdrawal, parameters.credit_exit_seconds or withdrawal + 1]


def _terms(parameters: DeploymentParameters, now: int) -> list[list[Any]]:
    holders = (
        (Capability.ROOT_PUBLISHER, parameters.publisher, parameters.publisher_term_seconds),
        (Capability.GUARDIAN, parameters.guardian, parameters.guardian_term_seconds),
        (
            Capability.EXTENSION_RELEASE,
            parameters.extension_publisher,
            parameters.extension_publisher_term_seconds,
        ),
    )
    return [
        [int(capability), to_checksum_address(holder), now + seconds]
        for capability, holder, seconds in holders
        if holder
    ]


def _genesis(document: GenesisDocument) -> list[Any]:
    return [document.content_hash, document.uri, 0]


def _governor_parameters(parameters: DeploymentParameters) -> list[int]:
    return [
        parameters.voting_delay_seconds,
        parameters.voting_period_seconds,
        parameters.proposal_threshold_wei,
        parameters.quorum_percent,
        parameters.late_quorum_extension_seconds,
        parameters.objection_period_seconds,
        parameters.grace_period_seconds,
    ]


# ---------------------------------------------------------------------------------- transactions


def _create_all(
    rpc: Rpc, deployer: LocalAccount, nonce: int, arguments: dict[str, list[Any]]
) -> dict[str, str]:
    """Sign every creation, check that the deployer can pay for all, then send; hashes by name."""
    header = rpc.header("latest")
    assert header is not None
    tip_wei = rpc.priority_fee_wei()
    chain_id = rpc.chain_id()
    transactions: list[dict[str, Any]] = [
        {
            "type": 2,
            "chainId": chain_id,
            "nonce": nonce + i,
            "value": 0,
            "data": "0x" + contract(name).encode_constructor(*arguments[name]).hex(),
            "maxPriorityFeePerGas": tip_wei,
            "maxFeePerGas": 2 * header.base_fee_wei + tip_wei,
        }
        for i, name in enumerate(ORDER)
    ]
    for name, transaction in zip(ORDER, transactions, strict=True):
        transaction["gas"] = _gas(rpc, name, deployer.address, transaction["data"])
    cost_wei = sum(each["gas"] * each["maxFeePerGas"] for each in transactions)
    balance_wei = rpc.balance_wei(deployer.address)
    if balance_wei < cost_wei:
        raise DeploymentError(
            f"the deployer {deployer.address} has {balance_wei} wei on chain {chain_id} "
            f"and may need {cost_wei}: fund it and run again"
        )
    return {
        name: rpc.send_raw(bytes(deployer.sign_transaction(transaction).raw_transaction))
        for name, transaction in zip(ORDER, transactions, strict=True)
    }


def _gas(rpc: Rpc, name: str, sender: str, data: str) -> int:
    """Gas limit of a creation; each stands alone, as no constructor calls another contract."""
    try:
        # Priced at nothing, so that an empty deployer is told what it lacks instead of a revert.
        call = {"from": sender, "data": data, "gasPrice": "0x0"}
        return int(rpc.call("eth_estimateGas", call), 16) * 12 // 10
    except ChainError as error:
        raise DeploymentError(f"{name} cannot be created: {error}") from error


def _mined(rpc: Rpc, name: str, transaction_hash: str) -> int:
    """Wait for a creation; its block number."""
    deadline = time.monotonic() + RECEIPT_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        receipt = rpc.receipt(transaction_hash)
        if receipt is not None:
            if not receipt.succeeded:
                raise DeploymentError(f"the creation of {name} failed ({transaction_hash})")
            return receipt.block_number
        time.sleep(0.05)
    raise DeploymentError(
        f"{name} was not mined within {RECEIPT_TIMEOUT_SECONDS} s ({transaction_hash})"
    )


# ---------------------------------------------------------------------------------- what must hold


def verify_roles(rpc: Rpc, addresses: dict[str, str], deployer: str) -> None:
    """Raise DeploymentError unless the Governor alone has the timelock's roles and links hold."""
    read = _reader(rpc, addresses)
    governor = addresses["LAMGovernor"]
    for role in ("PROPOSER_ROLE", "EXECUTOR_ROLE", "CANCELLER_ROLE"):
        role_id = read("TimelockController", role)
        if not read("TimelockController", "hasRole", role_id, governor):
            raise DeploymentError(f"the Governor has no {role}")
        for other in (deployer, ZERO_ADDRESS):
            if read("TimelockController", "hasRole", role_id, other):
                raise DeploymentError(f"{other} has {role}")
    admin = read("TimelockController", "DEFAULT_ADMIN_ROLE")
    if read("TimelockController", "hasRole", admin, deployer):
        raise DeploymentError("the deployer is an admin of the timelock")
    for name, function, linked in LINKS:
        if read(name, function) != addresses[linked]:
            raise DeploymentError(f"{name}.{function} is not the deployed {linked}")


LINKS = (
    ("Handover", "TIMELOCK", "TimelockController"),
    ("Registry", "HANDOVER", "Handover"),
    ("LAMToken", "REWARDS_VAULT", "RewardsVault"),
    ("LAMToken", "DISTRIBUTOR", "RewardsDistributor"),
    ("LAMToken", "HANDOVER", "Handover"),
    ("LAMGovernor", "timelock", "TimelockController"),
    ("LAMGovernor", "token", "LAMToken"),
    ("LAMGovernor", "HANDOVER", "Handover"),
    ("RewardsVault", "TOKEN", "LAMToken"),
    ("RewardsVault", "DISTRIBUTOR", "RewardsDistributor"),
    ("RewardsDistributor", "TOKEN", "LAMToken"),
    ("RewardsDistributor", "VAULT", "RewardsVault"),
    ("RewardsDistributor", "REGISTRY", "Registry"),
    ("RewardsDistributor", "HANDOVER", "Handover"),
    ("ActionCredits", "TOKEN", "LAMToken"),
    ("ActionCredits", "VAULT", "RewardsVault"),
    ("ActionCredits", "REGISTRY", "Registry"),
    ("ActionCredits", "HANDOVER", "Handover"),
)


def _reader(rpc: Rpc, addresses: dict[str, str]) -> Callable[..., Any]:
    def read(name: str, function: str, *arguments: Any) -> Any:
        abi = contract(name)
        data = abi.encode_call(function, *arguments)
        try:
            result = rpc.read(to=addresses[name], data=data)
            return abi.decode_result(function, result, len(arguments))
        except (Reverted, AbiError) as error:
            raise DeploymentError(f"{addresses[name]} is no {name}: {error}") from error

    return read


# ---------------------------------------------------------------------------------- manifest


def _standing(rpc: Rpc, path: Path) -> dict[str, Any] | None:
    """The manifest at `path` if its contracts stand on the node's chain; None without a file."""
    if not path.exists():
        return None
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
        deployed = {name: manifest["contracts"][name] for name in ORDER}
        chain_id, genesis = manifest["chain_id"], manifest["genesis_hash"]
    except KeyError as error:
        raise DeploymentError(
            f"{path} has no {error}: an earlier version deployed it, so deploy anew to another file"
        ) from error
    except (TypeError, ValueError) as error:
        raise DeploymentError(f"{path} is no deployment manifest: {error!r}") from error
    found = rpc.chain_id()
    if found != chain_id:
        raise DeploymentError(f"{path} is of chain {chain_id}, the node follows chain {found}")
    if _genesis_hash(rpc) != genesis:
        raise DeploymentError(
            f"{path} is of another chain with the id {chain_id}: the chain was started over"
        )
    for name, entry in deployed.items():
        if _code_hash(rpc, entry["address"]) != entry["code_hash"]:
            raise DeploymentError(f"the code of {name} at {entry['address']} is not that of {path}")
    return manifest


def _genesis_hash(rpc: Rpc) -> str:
    header = rpc.header(0)
    return header.hash if header else ""


def _code_hash(rpc: Rpc, address: str) -> str:
    return "0x" + keccak(rpc.code(address)).hex()


def _manifest(
    rpc: Rpc,
    parameters: DeploymentParameters,
    addresses: dict[str, str],
    arguments: dict[str, list[Any]],
    hashes: dict[str, str],
    block_number: int,
) -> dict[str, Any]:
    return {
        "chain_id": rpc.chain_id(),
        "genesis_hash": _genesis_hash(rpc),
        "block_number": block_number,
        "contracts": {
            name: {
                "address": addresses[name],
                "constructor_arguments": _plain(arguments[name]),
                "transaction_hash": hashes[name],
                "artifact_hash": _artifact_hash(name),
                "source_hash": _source_hash(name),
                "code_hash": _code_hash(rpc, addresses[name]),
            }
            for name in ORDER
        },
        "parameters": parameters.to_json(),
    }


def _artifact_hash(name: str) -> str:
    """SHA-256 of the committed ABI file, which carries the source's hash and the compiler."""
    return "0x" + hashlib.sha256((ABI_DIR / f"{name}.json").read_bytes()).hexdigest()


def _source_hash(name: str) -> str:
    """SHA-256 of the Solidity file that defines the contract."""
    artifact = json.loads((ABI_DIR / f"{name}.json").read_text())
    return str(artifact["sourceHash"])


def _plain(value: Any) -> Any:
    """Integers beyond what JSON readers keep exactly become decimal strings."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, int) and value >= 2**53:
        return str(value)
    return value


def write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    """Replace the file whole: a reader sees the old manifest or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    with draft.open("w") as file:
        json.dump(manifest, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def main() -> None:
    """The command line; the key is read from a file, never from the arguments."""
    parser = argparse.ArgumentParser(description="Deploy the contracts and write their manifest.")
    parser.add_argument("--rpc-url", required=True)
    parser.add_argument("--key-file", type=Path, required=True)
    parser.add_argument(
        "--parameters", type=Path, required=True, nargs="+", help="later files override earlier"
    )
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument(
        "--short-times", action="store_true", help="a rehearsal with times too short for production"
    )
    options = parser.parse_args()
    chosen: dict[str, Any] = {}
    for path in options.parameters:
        chosen |= json.loads(path.read_text())
    manifest = deploy(
        options.rpc_url,
        options.key_file.read_text().strip(),
        DeploymentParameters.from_json(chosen),
        manifest_path=options.manifest,
        short_times=options.short_times,
    )
    for name, entry in manifest["contracts"].items():
        print(f"{name:20} {entry['address']}")


if __name__ == "__main__":
    main()
