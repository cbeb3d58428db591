"""A stranger's check of a bundle: nothing but the bundle, and every alteration named."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from config.environment import BASE_DIR
from lam_core.canonical import canonical_json, digest_bytes
from points import bundle, verify
from points.merkle import MerkleTree
from tests.factories import make_user
from tests.points.makers import adopt_genesis, closed_epoch

pytestmark = pytest.mark.django_db


@pytest.fixture
def bundles(tmp_path) -> tuple[Path, Path]:
    """Copies of two honest bundles: epoch 2 has a newcomer and someone idle."""
    adopt_genesis()
    one, two, three = make_user(), make_user(), make_user()
    closed_epoch((one, 30), (two, 10))
    closed_epoch((one, 30), (three, 11))
    for number in (1, 2):
        source = bundle.path_of(django_settings.BUNDLES_DIR, number)
        shutil.copytree(source, tmp_path / f"copy-{number}")
    return tmp_path / "copy-1", tmp_path / "copy-2"


def reseal(path: Path) -> None:
    """Make the manifest and the tree fit again: a publisher who cheats does so consistently."""
    values = [row.value for row in bundle.read_rows(path)]
    tree = MerkleTree.of(values)
    (path / "tree.json").write_bytes(tree.dump(values))
    totals = json.loads((path / "totals.json").read_bytes())
    (path / "totals.json").write_bytes(canonical_json({**totals, "root": tree.root}))
    manifest = json.loads((path / "manifest.json").read_bytes())
    for each in manifest["files"]:
        content = (path / each["name"]).read_bytes()
        each |= {"sha256": digest_bytes(content), "bytes": len(content)}
    (path / "manifest.json").write_bytes(canonical_json(manifest))


def altered(path: Path, name: str, change: Callable[[Any], Any]) -> list[str]:
    """Mismatches after a change of one file that manifest and tree were fitted to."""
    value = json.loads((path / name).read_bytes())
    change(value)
    (path / name).write_bytes(canonical_json(value))
    reseal(path)
    return [str(each) for each in verify.verify(path)]


def test_honest_bundles_hold(bundles):
    first, second = bundles
    assert verify.verify(first) == []
    assert verify.verify(second, previous=first) == []


def test_it_runs_without_django_database_or_service(bundles):
    first, second = bundles
    result = subprocess.run(
        [sys.executable, "-m", "points.verify", str(second), "--previous", str(first)],
        capture_output=True,
        text=True,
        cwd=BASE_DIR,
        env={"PATH": "/usr/bin"},
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 mismatches" in result.stdout
    assert "attested, not recomputed" in result.stdout
    check = "import sys, points.verify; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=BASE_DIR).returncode == 0


def test_a_mismatch_ends_with_1_and_an_unreadable_bundle_with_2(bundles, tmp_path, capsys):
    first, _ = bundles
    (first / "tree.json").write_bytes(b"null")
    assert verify.main([str(first)]) == 1
    assert "tree.json" in capsys.readouterr().out
    assert verify.main([str(tmp_path / "nothing")]) == 2
    (first / "totals.json").unlink()
    assert verify.main([str(first)]) == 2


@pytest.mark.parametrize("name", bundle.FILES)
def test_an_altered_byte_of_any_file_is_named(bundles, name):
    first, _ = bundles
    content = (first / name).read_bytes()
    (first / name).write_bytes(content[:-1] + b" " + content[-1:])
    assert name in [each.what for each in verify.verify(first)]


def give(row: dict[str, Any], wei: int) -> None:
    row["wei"] = str(int(row["wei"]) + wei)
    row["cumulative_wei"] = str(int(row["cumulative_wei"]) + wei)


def test_lam_shifted_from_one_to_another_is_named(bundles):
    def shift(rows):
        give(rows[0], 1)
        give(rows[1], -1)

    found = altered(bundles[0], "allocations.json", shift)
    assert len(found) == 2
    assert all(each.startswith("LAM of 0x") for each in found)


def test_points_that_do_not_add_up_are_named(bundles):
    def more(rows):
        rows[0]["millipoints"] = "31"

    found = altered(bundles[0], "allocations.json", more)
    assert any(each.startswith("points of 0x") for each in found)
    assert any("totals millipoints" in each for each in found)


def test_points_moved_between_people_change_the_lam(bundles):
    def move(rows):
        for row, points in zip(rows, ("20", "20"), strict=True):
            row["millipoints"] = row["categories"]["work"] = points

    assert len(altered(bundles[0], "allocations.json", move)) == 2


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("total_wei", "5", "totals total_wei"),
        ("wei", "5", "totals wei"),
        ("accounts", 9, "totals accounts"),
        ("source_totals_wei", ["1", "0", "0"], "totals source_totals_wei"),
        ("policy_hash", "0x" + "1" * 64, "policy hash"),
        ("emission_limit_wei", str(10**30), "emission limit"),
    ],
)
def test_altered_totals_are_named(bundles, field, value, named):
    found = altered(bundles[0], "totals.json", lambda totals: totals.update({field: value}))
    assert any(each.startswith(named) for each in found)


@pytest.mark.parametrize(
    ("name", "field", "detail"),
    [
        ("manifest.json", "epoch", "it is of epoch 7"),
        ("manifest.json", "version", "version 7"),
        ("totals.json", "version", "version 7"),
    ],
)
def test_a_bundle_of_another_epoch_or_version_is_named(bundles, name, field, detail):
    found = altered(bundles[0], name, lambda document: document.update({field: 7}))
    assert any(each.startswith(f"{name}: {detail}") for each in found)


def test_another_policy_is_named(bundles):
    def richer(policy):
        policy["emission_wei"]["default"] = str(10**24)

    found = altered(bundles[0], "policy.json", richer)
    assert any(each.startswith("policy hash") for each in found)
    assert any(each.startswith("LAM of") for each in found)


def test_something_that_is_no_policy_is_named(bundles):
    found = altered(bundles[0], "policy.json", lambda policy: policy.clear())
    assert any(each.startswith("policy.json") for each in found)


def test_someone_who_loses_since_the_last_epoch_is_named(bundles):
    first, second = bundles

    def lose(rows):
        rows[1]["cumulative_wei"] = str(int(rows[1]["cumulative_wei"]) - 5)

    altered(second, "allocations.json", lose)
    found = [str(each) for each in verify.verify(second, previous=first)]
    assert any(each.startswith("cumulative LAM of 0x") for each in found)


def test_a_moved_or_missing_leaf_is_named(bundles):
    first, second = bundles

    def swap(rows):
        rows[0]["address"], rows[1]["address"] = rows[1]["address"], rows[0]["address"]

    altered(second, "allocations.json", swap)
    found = [str(each) for each in verify.verify(second, previous=first)]
    assert any(each.startswith("leaf 0: it was") for each in found)
    altered(second, "allocations.json", lambda rows: rows.__delitem__(slice(1, None)))
    found = [str(each) for each in verify.verify(second, previous=first)]
    assert any(each.startswith("leaves: 2 before, only 1 now") for each in found)


def test_an_address_with_two_leaves_is_named(bundles):
    def double(rows):
        rows[1]["address"] = rows[0]["address"]

    found = altered(bundles[0], "allocations.json", double)
    assert any("it has two leaves" in each for each in found)


def test_another_previous_bundle_is_named(bundles):
    _, second = bundles
    found = [str(each) for each in verify.verify(second, previous=second)]
    assert any("previous bundle: it is of epoch 2" in each for each in found)
    assert any("its hash is not the one" in each for each in found)


def test_a_chain_without_the_root_is_named(bundles, chain):
    found = verify.verify(bundles[0], rpc=verify.Rpc(chain.url))
    assert [str(each) for each in found] == ["chain: no root of epoch 1 was submitted"]
