"""`manage.py chain_sync` with the test contract's ABI and no projections; for kill tests."""

import os
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

from chain import abi

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()
    settings.PROJECTIONS = []
    abi.ABI_DIR = Path(os.environ["CHAIN_TEST_ABI"])
    call_command("chain_sync")
