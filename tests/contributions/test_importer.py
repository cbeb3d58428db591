"""The operator's import, over HTTP against the running service."""

import json
import subprocess
from io import StringIO

import httpx
import pytest
from django.core.management import CommandError, call_command
from eth_account import Account

from accounts.models import ApiToken, Consent, InviteRedemption, Wallet
from chain import keys as chain_keys
from contributions import importer, operator_client
from contributions.models import Workflow
from lam_core import miniwob
from lam_core.schema import Source
from tests import factories
from tests.contributions import recorded

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def service(live_server, settings):
    """The running service with an operator whose key is in its file."""
    settings.SITE_URL = live_server.url
    settings.OPERATOR_ADDRESSES = [chain_keys.create("operator").address]
    return live_server.url


@pytest.fixture
def data(tmp_path):
    """Two sittings of three good recordings, one that failed, and three that are no good."""
    nothing_done = {**recorded.demonstration(), "states": recorded.demonstration()["states"][:1]}
    return recorded.write_recordings(
        tmp_path / "data",
        {
            "click-button_AA_d1": recorded.demonstration(),
            "click-button_AA_d2": recorded.demonstration(time_offset=400),
            "click-button_BB_d1": recorded.demonstration(raw_reward=-1),
            "click-button_BB_d2": nothing_done,
            "click-button_BB_d3": b"no gzip",
            "nameless": recorded.demonstration(),
        },
    )


@pytest.fixture
def plan(service, data, tmp_path, settings):
    return importer.Plan(
        recordings=data,
        base_url=service,
        invite=factories.make_invite(uses_allowed=10).code,
        operator_key=bytes(chain_keys.signer("operator").key),
        mnemonic_file=tmp_path / "wallets" / "words",
        concurrency=1,
    )


def test_an_import_signs_in_consents_submits_and_can_be_run_again(plan):
    seen = []
    summary = importer.import_recordings(plan, progress=seen.append)
    assert (summary.contributors, summary.created, summary.duplicates) == (2, 3, 0)
    assert summary.refused == {"no-action": 1, "unreadable": 1, "malformed": 1}
    assert len(seen) == summary.total == 6
    outcomes = dict(Workflow.objects.values_list("id", "attested"))
    assert outcomes == {
        miniwob.workflow_id("click-button_AA_d1", Source.MINIWOB): True,
        miniwob.workflow_id("click-button_AA_d2", Source.MINIWOB): True,
        miniwob.workflow_id("click-button_BB_d1", Source.MINIWOB): False,
    }
    assert Wallet.objects.count() == Consent.objects.count() == 2
    again = importer.import_recordings(plan)
    assert (again.created, again.duplicates) == (0, 3)
    assert Workflow.objects.count() == 3
    assert Wallet.objects.count() == InviteRedemption.objects.count() == 2
    assert not ApiToken.objects.filter(revoked_at__isnull=True).exists()


def test_an_import_that_broke_off_goes_on(plan):
    first = importer.import_recordings(importer.Plan(**{**plan.__dict__, "limit": 1}))
    assert first.created == 1
    rest = importer.import_recordings(plan)
    assert (rest.created, rest.duplicates) == (2, 1)


def test_without_a_good_invite_nothing_is_imported(plan):
    with pytest.raises(operator_client.Refused) as error:
        importer.import_recordings(importer.Plan(**{**plan.__dict__, "invite": "unknown"}))
    assert error.value.code == "invite_invalid"
    assert not Workflow.objects.exists()


def test_an_operator_the_service_does_not_know_is_refused_by_reason(plan, settings):
    settings.OPERATOR_ADDRESSES = []
    summary = importer.import_recordings(plan)
    assert summary.refused["attestation"] == 3
    assert not Workflow.objects.exists()


def test_a_service_that_is_away_is_a_named_error(monkeypatch):
    pauses = []
    monkeypatch.setattr(operator_client.time, "sleep", pauses.append)
    away = operator_client.OperatorClient(httpx.Client(base_url="http://127.0.0.1:1/"))
    with pytest.raises(operator_client.ServiceUnreachable):
        away.sign_in(Account.create(), invite="x")
    assert pauses == sorted(pauses)
    assert len(pauses) == operator_client.ATTEMPTS - 1


def test_an_empty_folder_is_a_named_error(plan, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "missing"):
        with pytest.raises(FileNotFoundError):
            importer.import_recordings(importer.Plan(**{**plan.__dict__, "recordings": folder}))


def test_the_command_reports_counts(plan, tmp_path):
    out, path = StringIO(), tmp_path / "counts.json"
    call_command(
        "import_recordings",
        "--recordings",
        plan.recordings,
        "--invite",
        plan.invite,
        "--url",
        plan.base_url,
        "--mnemonic-file",
        plan.mnemonic_file,
        "--json",
        path,
        "--concurrency",
        "1",
        stdout=out,
    )
    counts = json.loads(path.read_text())
    assert counts["created"] == 3
    assert counts["refused"]["no-action"] == 1
    assert "created: 3" in out.getvalue()
    with pytest.raises(CommandError, match="no folder"):
        call_command("import_recordings", "--recordings", "/nowhere", "--invite", plan.invite)


def run(plan, tmp_path, *arguments):
    """The command without recordings of its own; its counts."""
    path = tmp_path / "counts.json"
    call_command(
        "import_recordings",
        *("--invite", plan.invite, "--url", plan.base_url, "--json", path, "--concurrency", "1"),
        *arguments,
        stdout=StringIO(),
        stderr=StringIO(),
    )
    return json.loads(path.read_text())


def test_without_a_path_the_public_recordings_are_fetched(plan, tmp_path, settings):
    settings.DATA_DIR = tmp_path / "installation"
    git = ["git", "-C", plan.recordings, "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "data"]):
        subprocess.run([*git, *arguments], check=True)
    counts = run(plan, tmp_path, "--repository", f"file://{plan.recordings}", "--folder", "batch")
    assert (counts["source"], counts["created"]) == ("miniwob", 3)


def test_where_nothing_can_be_fetched_the_samples_are_imported_and_say_so(plan, tmp_path, settings):
    settings.DATA_DIR = tmp_path / "installation"
    settings.ALLOW_SAMPLES = True
    counts = run(plan, tmp_path, "--repository", "file:///nowhere")
    assert counts["source"] == "sample"
    assert counts["created"] == len(list(miniwob.iter_recordings(importer.SAMPLES))) > 0
    assert set(Workflow.objects.values_list("source", flat=True)) == {"sample"}


def test_an_installation_that_refuses_samples_imports_none(plan, tmp_path, settings):
    settings.DATA_DIR = tmp_path / "installation"
    settings.ALLOW_SAMPLES = False
    counts = run(plan, tmp_path, "--repository", "file:///nowhere")
    assert counts["created"] == 0
    assert set(counts["refused"]) == {"samples_refused"}
