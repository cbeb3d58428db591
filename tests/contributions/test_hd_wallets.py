"""Wallets of imported contributors."""

import json
import stat

import pytest
from eth_account import Account

from contributions import hd_wallets

# The test vector that wallets publish for m/44'/60'/0'/0/0 and /1 of this phrase.
WORDS = (
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
)
FIRST = "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"
SECOND = "0x6Fac4D18c912343BF86fa7049364Dd4E424Ab9C0"


def test_accounts_are_those_every_wallet_derives():
    derived = hd_wallets.accounts(WORDS, [0, 1])
    assert [derived[0].address, derived[1].address] == [FIRST, SECOND]


def test_the_mnemonic_is_random_private_and_stays(tmp_path):
    path = tmp_path / "wallets" / "words"
    words = hd_wallets.mnemonic(path)
    assert len(words.split()) == 12
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert hd_wallets.mnemonic(path) == words
    assert hd_wallets.mnemonic(tmp_path / "others") != words
    Account.enable_unaudited_hdwallet_features()
    assert Account.from_mnemonic(words).address == hd_wallets.accounts(words, [0])[0].address


def test_a_mnemonic_open_to_others_is_refused(tmp_path):
    path = tmp_path / "words"
    hd_wallets.mnemonic(path)
    path.chmod(0o644)
    with pytest.raises(hd_wallets.MnemonicOpen):
        hd_wallets.mnemonic(path)


def test_sittings_keep_their_index_when_others_come(tmp_path):
    path = tmp_path / "sittings.json"
    first = hd_wallets.indices(path, ["b", "c", "a"])
    assert first == {"a": 0, "b": 1, "c": 2}
    assert hd_wallets.indices(path, ["0", "c"]) == {**first, "0": 3}
    assert hd_wallets.indices(path, ["a"]) == json.loads(path.read_text())
