// Delegates' profiles, delegation by signature, simulations and news.
import { api } from "./api";
import { attribute, value, type Run } from "./forms";
import { signTypedData, type TypedData } from "./signing";
import { site } from "./site";
import { _ } from "./words";

const SECOND = 1000;

function profileOf(run: Run): { name: string; statement: string } {
  return { name: value(run, "name"), statement: value(run, "statement") };
}

/** Save one's profile by the session. */
export async function saveProfile(run: Run): Promise<void> {
  await api("PUT", `delegates/${attribute(run.form, "address")}/profile`, profileOf(run));
  location.reload();
}

/** Save one's profile with a signature that everybody can check. */
export async function signProfile(run: Run): Promise<void> {
  const path = `delegates/${attribute(run.form, "address")}/profile`;
  const profile = profileOf(run);
  const asked = await api<{ typed_data: TypedData }>("POST", `${path}/typed-data`, profile);
  const signature = await signTypedData(run, asked.typed_data);
  const issued_at = Number(asked.typed_data.message.issuedAt);
  await api("PUT", path, { ...profile, issued_at, signature });
  location.reload();
}

/** Sign a delegation; the relayer sends it and pays the gas. */
export async function delegateRelayed(run: Run): Promise<void> {
  const delegation = { delegator: site.address, delegatee: value(run, "delegatee") };
  const asked = await api<{ typed_data: TypedData }>("POST", "delegations/typed-data", delegation);
  const signature = await signTypedData(run, asked.typed_data);
  run.say(_("Handing your signature to the relayer…"));
  const { nonce, expiry } = asked.typed_data.message;
  await api("POST", "delegations/relay", { ...delegation, nonce, expiry, signature });
  location.reload();
}

/** Ask for a run on a copy of the chain at its latest block, and wait for its end. */
export async function runSimulation(run: Run): Promise<void> {
  const path = `proposals/${attribute(run.form, "proposal")}/simulation`;
  let found = await api<{ progress: string; block_number: number }>("POST", path);
  run.say(_("Running it on a copy of the chain at block %(block)s…", { block: found.block_number }));
  while (found.progress === "waiting") {
    await new Promise((resolve) => setTimeout(resolve, SECOND));
    found = await api("GET", path);
  }
  location.reload();
}

/** Hear of proposals by e-mail or webhook. */
export async function subscribe(run: Run): Promise<void> {
  const body = { channel: value(run, "channel"), target: value(run, "target") };
  await api("POST", "subscriptions", body);
  location.reload();
}

/** End a subscription; the address is forgotten. */
export async function endSubscription({ form }: Run): Promise<void> {
  await api("DELETE", `subscriptions/${attribute(form, "subscription")}`);
  location.reload();
}
