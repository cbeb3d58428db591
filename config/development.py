"""Makes a fresh installation ready: schema, keys, contracts on the embedded node, an auditor."""

import os
import secrets
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command

from chain import keys
from chain.deploy import deploy
from chain.rpc import Rpc
from config import embedded
from config.genesis import development_parameters

ETHER_WEI = 10**18
# Who pays gas: the deployer funds everybody else from this.
DEPLOYER_WEI = 1_000_000 * ETHER_WEI
SERVICE_WEI = 1_000 * ETHER_WEI
SERVICE_KEYS = ("publisher", "relayer", "guardian")
AUDITOR = "auditor"


def migrate() -> None:
    """Bring the schema up to date, as the owner of the database."""
    call_command("migrate", database="owner", interactive=False, verbosity=0)


def make_keys() -> dict[str, str]:
    """The service's keys, random, made once; addresses by name."""
    names = ("deployer", "operator", *SERVICE_KEYS)
    return {name: keys.create(name).address for name in names}


def fund_embedded(url: str, addresses: dict[str, str]) -> None:
    """Give the deployer and the service ether, which exists on the embedded node only."""
    rpc = Rpc(url)
    wanted = {"deployer": DEPLOYER_WEI, **dict.fromkeys(SERVICE_KEYS, SERVICE_WEI)}
    for name, wei in wanted.items():
        if rpc.balance_wei(addresses[name]) < wei // 2:
            embedded.rpc(url, "anvil_setBalance", addresses[name], hex(wei))


def deploy_contracts(url: str, addresses: dict[str, str], *, release: str) -> None:
    """Deploy with development parameters, or find the contracts standing."""
    parameters = development_parameters(
        publisher=addresses["publisher"], guardian=addresses["guardian"], release=release
    )
    deploy(url, keys.signer("deployer").key, parameters, manifest_path=settings.DEPLOYMENT_PATH)


def make_auditor() -> Path:
    """The admin's account that audits; its random password is in the file returned (0600)."""
    path = Path(settings.DATA_DIR) / "secrets" / AUDITOR
    users = get_user_model().objects
    if path.exists() and users.filter(name=AUDITOR).exists():
        return path
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = secrets.token_urlsafe(12)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(password)
    users.filter(name=AUDITOR).delete()
    users.create_superuser(name=AUDITOR, password=password)
    return path
