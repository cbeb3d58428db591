// The popup: what is being recorded, and the way to everything else.
import { ask } from "../messages";
import { localize } from "./localize";

localize(document);
const { queued } = await ask<{ queued: number }>({ kind: "status" });
document.querySelector("#state")!.textContent = String(queued);
