// A person's own things: consents, work taken back, automations published and used.
import { api } from "./api";
import { attribute, value, type Run } from "./forms";
import { _ } from "./words";

/** Agree to the text on the page, in the version that was shown. */
export async function giveConsent({ form }: Run): Promise<void> {
  const version = Number(attribute(form, "version"));
  await api("POST", "consents", { scope: attribute(form, "scope"), version });
  location.assign(attribute(form, "next"));
}

/** Take an agreement back; it ends what it allowed from now on. */
export async function withdrawConsent({ form }: Run): Promise<void> {
  await api("DELETE", `consents/${attribute(form, "scope")}`);
  location.reload();
}

/** Make an invite to give away. */
export async function createInvite(): Promise<void> {
  await api("POST", "invites", {});
  location.reload();
}

/** Wait for an invite under an e-mail address. */
export async function joinWaitlist(run: Run): Promise<void> {
  await api("POST", "waitlist", { email: value(run, "email") });
  run.form.reset();
  run.say(_("You are on the list. We write to you once, when there is room."));
}

/** Let a device send work; only the device that asked can use the code at the next address. */
export async function pair(run: Run): Promise<void> {
  const challenge = attribute(run.form, "challenge");
  const { code } = await api<{ code: string }>("POST", "pairings", {
    challenge,
    label: value(run, "label"),
  });
  location.replace(`${attribute(run.form, "next")}#code=${code}`);
}

/** End what a device may do. */
export async function revokeDevice({ form }: Run): Promise<void> {
  await api("DELETE", `tokens/${attribute(form, "token")}`);
  location.reload();
}

/** Take a workflow back: its key is destroyed, its content is gone for good. */
export async function withdrawWorkflow({ form, say }: Run): Promise<void> {
  say(_("Deleting…"));
  await api("DELETE", `workflows/${attribute(form, "workflow")}`);
  location.reload();
}

/** Publish one's verified workflow as an automation. */
export async function publishAutomation(run: Run): Promise<void> {
  run.say(_("Publishing…"));
  const body = { workflow: value(run, "workflow"), title: value(run, "title") };
  const { id } = await api<{ id: string | number }>("POST", "automations", body);
  location.assign(`/automations/${id}`);
}

/** Record a run of an automation; the id is made before sending, so a repeat counts once. */
export async function useAutomation(run: Run): Promise<void> {
  const { form } = run;
  form.dataset.use ??= crypto.randomUUID();
  run.say(_("Recording the run…"));
  await api("POST", `automations/${attribute(form, "automation")}/uses`, {
    id: form.dataset.use,
    actions: Number(value(run, "actions")),
    outcome: value(run, "outcome"),
  });
  location.reload();
}
