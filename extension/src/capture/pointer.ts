// The path of the pointer at 60 samples a second, in document coordinates.
import { viewportOffset } from "../page/deep";
import type { Sample } from "./entries";

const INTERVAL_MS = 1000 / 60;
/** Times are whole milliseconds: one of sixty a second may seem to come this much early. */
const EARLY_MS = 1;
/** Ten minutes without any action; older samples lead nowhere. */
const MAX_SAMPLES = 15_000;

export class PointerPath {
  private samples: Sample[] = [];
  private due = 0;

  /** Take a sample when one is due. */
  move(event: PointerEvent, at: number): void {
    if (at + EARLY_MS < this.due) return;
    this.due = Math.max(this.due, at - INTERVAL_MS) + INTERVAL_MS;
    this.add(event, at);
  }

  private add(event: PointerEvent, at: number): void {
    const { x, y } = placeOf(event);
    if (this.samples.length >= MAX_SAMPLES) this.samples.splice(0, MAX_SAMPLES / 10);
    this.samples.push([at, x, y]);
  }

  /** The path since it was last taken. */
  take(): Sample[] {
    const taken = this.samples;
    this.samples = [];
    return taken;
  }
}

/** Where a pointer event is, in the coordinates of the outermost document. */
export function placeOf(event: MouseEvent): { x: number; y: number } {
  const view = event.view ?? window;
  const offset = viewportOffset(view);
  return { x: Math.round(event.clientX + offset.x), y: Math.round(event.clientY + offset.y) };
}
