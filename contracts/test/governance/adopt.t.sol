// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Capability, Term} from "../../src/interfaces/IHandover.sol";
import {IRegistry, Kind} from "../../src/interfaces/IRegistry.sol";
import {Deployed} from "../support/Deployed.sol";
import {vm} from "../support/Vm.sol";

contract AdoptTest is Deployed {
    address internal constant RELEASER = address(0x4E1);
    bytes32 internal constant HASH = keccak256("next");

    function _terms() internal pure override returns (Term[] memory terms) {
        terms = new Term[](1);
        terms[0] = Term(Capability.ExtensionRelease, RELEASER, START + 100);
    }

    function testFuzz_RevertWhen_TheCallerDoesNotHoldTheCapability(uint8 kind, address caller) external {
        Kind chosen = Kind(kind % 4);
        vm.assume(caller != handover.holder(registry.capabilityOf(chosen)));
        vm.expectRevert(abi.encodeWithSelector(IRegistry.NotHolder.selector, chosen, caller));
        vm.prank(caller);
        registry.adopt(chosen, HASH, "uri", 1);
    }

    function test_EachKindHasItsOwnCapability() external view {
        vm.assertTrue(registry.capabilityOf(Kind.RewardPolicy) == Capability.RewardPolicy);
        vm.assertTrue(registry.capabilityOf(Kind.VerifierRelease) == Capability.VerifierRelease);
        vm.assertTrue(registry.capabilityOf(Kind.ModelRelease) == Capability.ModelRelease);
        vm.assertTrue(registry.capabilityOf(Kind.ExtensionRelease) == Capability.ExtensionRelease);
    }

    function test_RevertWhen_TheHashOrThePlaceIsEmpty() external {
        vm.startPrank(address(timelock));
        vm.expectRevert(IRegistry.EmptyAdoption.selector);
        registry.adopt(Kind.RewardPolicy, 0, "uri", 1);
        vm.expectRevert(IRegistry.EmptyAdoption.selector);
        registry.adopt(Kind.RewardPolicy, HASH, "", 1);
        vm.stopPrank();
    }

    function testFuzz_ItIsCurrentAndWhatItSupersedesStaysAdopted(bytes32 hash, uint64 epoch) external {
        vm.assume(hash != 0 && hash != POLICY);
        vm.expectEmit(true, true, true, true, address(registry));
        emit IRegistry.Adopted(Kind.RewardPolicy, hash, "uri", epoch, address(timelock));
        vm.prank(address(timelock));
        registry.adopt(Kind.RewardPolicy, hash, "uri", epoch);
        vm.assertEq(registry.current(Kind.RewardPolicy).contentHash, hash);
        vm.assertEq(registry.current(Kind.RewardPolicy).uri, "uri");
        vm.assertEq(registry.current(Kind.RewardPolicy).effectiveEpoch, epoch);
        vm.assertTrue(registry.isAdopted(Kind.RewardPolicy, hash));
        vm.assertTrue(registry.isAdopted(Kind.RewardPolicy, POLICY));
        vm.assertEq(registry.current(Kind.VerifierRelease).contentHash, VERIFIER);
    }

    function test_AFoundersTermEndsByItself() external {
        vm.prank(RELEASER);
        registry.adopt(Kind.ExtensionRelease, HASH, "uri", 1);
        vm.warp(START + 101);
        bytes memory error =
            abi.encodeWithSelector(IRegistry.NotHolder.selector, Kind.ExtensionRelease, RELEASER);
        vm.expectRevert(error);
        vm.prank(RELEASER);
        registry.adopt(Kind.ExtensionRelease, HASH, "uri", 1);
    }
}
