"""What a run changed is shown in its units, of a struct only what changed."""

from web.simulations import changed


def shown(name: str, before, after) -> list[tuple[str, str, str]]:
    found = changed({"name": name, "before": before, "after": after})
    return [(each["name"], each["before"], each["after"]) for each in found]


def test_amounts_and_times_are_for_people() -> None:
    balance = "LAMToken.balanceOf(0x11)"
    assert shown(balance, "0", "1500000000000000000") == [(balance, "0 LAM", "1.5 LAM")]
    period = "LAMGovernor.votingPeriod()"
    assert shown(period, "120", "86400") == [(period, "2 minutes", "1 day")]
    assert shown("ether of 0x11 in wei", "0", str(10**18)) == [("ether of 0x11", "0", "1")]
    stage = "Handover.stage(1)"
    assert shown(stage, "0", "1") == [(stage, "0", "1")]


def test_of_a_struct_only_what_changed_is_shown() -> None:
    before = {"contentHash": "0x11", "uri": "", "effectiveEpoch": "0"}
    after = {"contentHash": "0x22", "uri": "/x", "effectiveEpoch": "0"}
    assert shown("Registry.current(2)", before, after) == [
        ("Registry.current(2).contentHash", "0x11", "0x22"),
        ("Registry.current(2).uri", "–", "/x"),
    ]


def test_what_could_not_be_read_before_has_no_value() -> None:
    period = "LAMGovernor.votingPeriod()"
    assert shown(period, None, "60") == [(period, "–", "1 minute")]
