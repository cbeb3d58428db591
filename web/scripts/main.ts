// The one script of the pages: gives each form with a `data-action` its action.
import * as account from "./account";
import { startCountdowns } from "./countdowns";
import * as discussion from "./discussion";
import * as drafts from "./drafts";
import { wire } from "./forms";
import * as governance from "./governance";
import * as handover from "./handover";
import { start } from "./pending";
import * as points from "./points";
import { linkPolicyFields } from "./policy";
import * as polls from "./polls";
import * as proposals from "./proposals";
import { signIn, signOut } from "./sign-in";
import { watchTables } from "./tables";

const actions = {
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
  comment: discussion.comment,
  "edit-comment": discussion.editComment,
  "delete-comment": discussion.deleteComment,
  "preview-markdown": discussion.preview,
  "save-draft": drafts.saveDraft,
  "delete-draft": drafts.deleteDraft,
  "propose-draft": drafts.proposeDraft,
  "save-profile": governance.saveProfile,
  "sign-profile": governance.signProfile,
  "delegate-relayed": governance.delegateRelayed,
  "advance-handover": handover.advanceHandover,
  "run-simulation": governance.runSimulation,
  subscribe: governance.subscribe,
  "end-subscription": governance.endSubscription,
  "open-poll": polls.openPoll,
  "vote-in-poll": polls.voteInPoll,
};
wire(actions);
const policyForm = document.querySelector<HTMLFormElement>("form[data-action=propose-policy]");
if (policyForm) linkPolicyFields(policyForm);
drafts.fillDates();
startCountdowns();
handover.followHandover((card) => wire(actions, card));
proposals.followProposal((part) => wire(actions, part));
polls.followPoll();
watchTables(document);
start();
