// The one script of the pages: gives each form with a `data-action` its action.
import * as account from "./account";
import { wire } from "./forms";
import { start } from "./pending";
import * as points from "./points";
import { linkPolicyFields } from "./policy";
import * as proposals from "./proposals";
import { signIn, signOut } from "./sign-in";

wire({
  "sign-in": signIn,
  "sign-out": signOut,
  "join-waitlist": account.joinWaitlist,
  "create-invite": account.createInvite,
  "give-consent": account.giveConsent,
  "withdraw-consent": account.withdrawConsent,
  pair: account.pair,
  "revoke-device": account.revokeDevice,
  "withdraw-workflow": account.withdrawWorkflow,
  "publish-automation": account.publishAutomation,
  "use-automation": account.useAutomation,
  "claim-own": points.claimOwn,
  "claim-relayed": points.claimRelayed,
  delegate: points.delegate,
  vote: proposals.vote,
  "vote-relayed": proposals.voteRelayed,
  advance: proposals.advance,
  "propose-policy": proposals.proposePolicy,
});
const policyForm = document.querySelector<HTMLFormElement>("form[data-action=propose-policy]");
if (policyForm) linkPolicyFields(policyForm);
start();
