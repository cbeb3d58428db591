// Everything the popup shows, in one answer.
import { answer } from "../messages";
import { blockedCategory } from "../privacy/blocklist";
import { registrableDomain } from "../privacy/address";
import { drafts, outgoing } from "../storage/db";
import { stored, type Active, type Trouble } from "../storage/settings";

export interface Status {
  agreed: boolean;
  paired: boolean;
  device: string;
  active: Active | null;
  trouble: Trouble;
  drafts: { id: string; task: string; steps: number; madeAt: number }[];
  waiting: number;
  refused: { id: string; task: string; refusal: string }[];
  site: { address: string; domain: string; blocked: string; allowed: boolean } | null;
}

async function status({ address }: { kind: "status"; address?: string }): Promise<Status> {
  const { consent, token, device, active, trouble } = await stored("consent", "token", "device", "active", "trouble");
  const outbox = await outgoing();
  const made = (await drafts()).sort((left, right) => right.madeAt - left.madeAt);
  return {
    agreed: consent !== null,
    paired: token !== "" && trouble !== "revoked",
    device,
    active,
    trouble,
    drafts: made.map(({ id, task, steps, madeAt }) => ({ id, task, steps, madeAt })),
    waiting: outbox.filter((row) => !row.refusal).length,
    refused: outbox.filter((row) => row.refusal).map(({ id, task, refusal }) => ({ id, task, refusal })),
    site: await siteAt(address),
  };
}

async function siteAt(address: string | undefined): Promise<Status["site"]> {
  if (!address || !/^https?:/.test(address)) return null;
  const domain = registrableDomain(new URL(address).hostname);
  const { allowed } = await stored("allowed");
  return { address, domain, blocked: (await blockedCategory(address)) ?? "", allowed: allowed.includes(domain) };
}

export function registerStatus(): void {
  answer("status", status);
}
