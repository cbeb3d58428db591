// The always visible state: a badge on the extension's button, and its title in words.
import { outgoing } from "../storage/db";
import { stored } from "../storage/settings";

interface Look {
  text: string;
  colour: string;
  title: string;
}

const LOOKS: Record<"recording" | "paused" | "background" | "trouble" | "off", Look> = {
  recording: { text: "REC", colour: "#b3261e", title: "state_recording" },
  background: { text: "ON", colour: "#b3261e", title: "state_background" },
  paused: { text: "II", colour: "#5f6368", title: "state_paused" },
  trouble: { text: "!", colour: "#8a5000", title: "state_trouble" },
  off: { text: "", colour: "#5f6368", title: "state_off" },
};

/** Show what is being done right now. */
export async function showState(): Promise<void> {
  const { active, trouble } = await stored("active", "trouble");
  const refused = (await outgoing()).some((row) => row.refusal);
  const stuck = trouble === "storage-full";
  const look = LOOKS[stuck ? "trouble" : nameOf(active, trouble !== "none" || refused)];
  await chrome.action.setBadgeText({ text: look.text });
  await chrome.action.setBadgeBackgroundColor({ color: look.colour });
  await chrome.action.setTitle({ title: chrome.i18n.getMessage(look.title) });
}

function nameOf(active: { mode: string; paused: boolean } | null, troubled: boolean): keyof typeof LOOKS {
  if (active?.paused) return "paused";
  if (active) return active.mode === "task" ? "recording" : "background";
  return troubled ? "trouble" : "off";
}
