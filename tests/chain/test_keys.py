"""Key files are private, whole and never shown."""

import pytest
from eth_account import Account

from chain import keys


def test_a_created_key_is_found_again_and_private(settings) -> None:
    account = keys.create("publisher")
    assert keys.create("publisher").address == account.address == keys.signer("publisher").address
    assert (settings.KEYS_DIR / "publisher").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in settings.KEYS_DIR.iterdir()] == ["publisher"]


def test_a_key_open_to_others_is_refused(settings) -> None:
    keys.create("publisher")
    (settings.KEYS_DIR / "publisher").chmod(0o640)
    with pytest.raises(keys.KeyUnavailable, match="0600"):
        keys.signer("publisher")


@pytest.mark.parametrize("name", ["missing", "../publisher", ""])
def test_a_key_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(keys.KeyUnavailable):
        keys.signer(name)


def test_an_error_never_shows_the_content(settings) -> None:
    settings.KEYS_DIR.mkdir()
    path = settings.KEYS_DIR / "publisher"
    path.touch(mode=0o600)
    secret = Account.create().key.hex()[:-2]
    path.write_text(secret)
    with pytest.raises(keys.KeyUnavailable) as caught:
        keys.signer("publisher")
    assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
