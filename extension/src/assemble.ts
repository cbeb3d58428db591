// From the entries of a recording to its workflow. Pure: the same entries give the same workflow.
import type { Chosen, Down, Entry, KeyDown, Scrolled, Typed, Up, Went } from "./capture/entries";
import type {
  Click, Drag, Edit, Key, Navigate, NamedKey, Observation, Parameter, PressKey, Scroll, Select, Tab,
  Type, ValuePattern, Workflow,
} from "./workflow";

export type Step = Workflow["steps"][number];

/** An entry with the page that wrote it and the tab that page was in. */
export interface Written {
  page: string;
  tab: number;
  entry: Entry;
}

export interface About {
  id: string;
  name: string;
  /** Already redacted. */
  instruction: string;
  recorder: string;
}

/** A pause longer than this says nothing more, and clocks that are set forward make such. */
const LONGEST_PAUSE_MS = 10 * 60_000;
const EXPLAINED_MS = 10_000;
const HANDED_OVER_MS = 1_000;
const MAX_POINTER = 20_000;
const MAX_KEYS = 5_000;
const UNKNOWN: ValuePattern = { kind: "other", length: "0" };

/** The workflow, or null when nothing was done. */
export function assemble(about: About, written: Written[]): Workflow | null {
  const assembler = new Assembler();
  const clock = new Clock();
  for (const each of inOrder(written)) assembler.take({ ...each, entry: clock.relative(each) });
  const made = assembler.finish();
  if (!made.steps.length) return null;
  return {
    schema_version: 2,
    id: about.id,
    source: "extension",
    task: { name: about.name, instruction: about.instruction, parameters: made.parameters },
    recorder: about.recorder,
    pointer: made.device,
    observations: made.observations,
    steps: made.steps,
    ...(made.outcome === null ? {} : { outcome: made.outcome }),
  };
}

/** What the browser tells comes at once, what a page wrote just before it up to a moment later. */
function inOrder(written: Written[]): Written[] {
  const ordered: Written[] = [];
  for (const each of written) {
    const isLate = (earlier: Written | undefined) =>
      earlier !== undefined && isBrowsers(earlier) && !isBrowsers(each) &&
      earlier.entry.at > each.entry.at && earlier.entry.at - each.entry.at < HANDED_OVER_MS;
    let place = ordered.length;
    while (isLate(ordered[place - 1])) place -= 1;
    ordered.splice(place, 0, each);
  }
  return ordered;
}

function isBrowsers({ entry }: Written): boolean {
  return entry.kind === "tab" || entry.kind === "went";
}

/** Time since the start, never running backwards, though each page has a clock of its own. */
class Clock {
  private readonly shifts = new Map<string, number>();
  private start: number | null = null;
  private last = 0;

  relative({ page, entry }: Written): Entry {
    this.start ??= entry.at;
    let shift = this.shifts.get(page) ?? 0;
    const at = entry.at - this.start + shift;
    // Looks and paths may be a little older than what was written before them; a page whose clock
    // is behind by more, or ahead by more than a pause is long, is moved.
    if (at < this.last - 2_000) shift += this.last - at;
    if (at > this.last + LONGEST_PAUSE_MS) shift -= at - this.last - LONGEST_PAUSE_MS;
    this.shifts.set(page, shift);
    const moved = (time: number) => Math.max(0, time - (this.start ?? 0) + shift);
    const time = Math.max(this.last, moved(entry.at));
    this.last = time;
    return { ...entry, ...timesOf(entry, moved), at: time } as Entry;
  }
}

function timesOf(entry: Entry, moved: (time: number) => number): object {
  const path = "path" in entry ? { path: entry.path.map(([t, x, y]) => [moved(t), x, y]) } : {};
  return entry.kind === "scrolled" ? { until: moved(entry.until) } : path;
}

interface Typing {
  at: number;
  keys: (Key & { id: number })[];
  edits: Edit[];
  from: Written | null;
}

class Assembler {
  readonly observations: Observation[] = [];
  readonly steps: Step[] = [];
  device: "unknown" | "mouse" | "touch" | "pen" = "unknown";
  private readonly parameters = new Map<string, { name: string; pattern: ValuePattern }>();
  private readonly looks = new Map<string, number>();
  private readonly sizes = new Map<number, number>();
  private readonly known = new Map<string, number>();
  private readonly tabs = new Map<number, number>();
  private readonly keysById = new Map<string, Key>();
  /** Looks at tabs since something was done last, and the tab it was done in. */
  private readonly endings = new Map<number, number>();
  private actor: Written | null = null;
  private shown: number | null = null;
  private open: Click | Drag | Select | null = null;
  private typing: Typing | null = null;

  take(written: Written): void {
    const { entry } = written;
    switch (entry.kind) {
      case "see":
        return this.see(written.page, entry.number, entry.look);
      case "down":
        return this.down(written, entry);
      case "up":
        return this.up(entry);
      case "key":
        return this.key(written, entry);
      case "keyup":
        return this.keyUp(written.page, entry.id, entry.at);
      case "edit":
        return void this.typingIn(written, entry.at).edits.push({ at: entry.at, kind: entry.edit });
      case "typed":
        return this.typed(written, entry);
      case "chosen":
        return this.chosen(written, entry);
      case "scrolled":
        return this.scrolled(written, entry);
      case "after":
        return this.after(written, entry.seen);
      case "went":
        return this.went(written, entry);
      case "tab":
        return this.tabChange(written, entry.at, entry.change, entry.tab);
    }
  }

  finish() {
    this.closeTyping();
    this.steps.sort((left, right) => left.at - right.at);
    return {
      ...this.pruned(),
      device: this.device,
      parameters: [...this.parameters.values()] satisfies Parameter[],
      steps: this.steps,
    };
  }

  private see(page: string, number: number, json: string): void {
    const index = this.known.get(json) ?? this.observations.push(JSON.parse(json) as Observation) - 1;
    this.known.set(json, index);
    this.looks.set(`${page}/${number}`, index);
  }

  private look(page: string, number: number): number {
    return this.looks.get(`${page}/${number}`) ?? 0;
  }

  private base(written: Written, { seen, target }: { seen: number; target: number | null }) {
    const tab = this.tab(written.tab);
    const observation = this.look(written.page, seen);
    this.actor = written;
    this.shown = written.tab;
    return { observation, target, trusted: true, ...(tab ? { tab } : {}) };
  }

  private tab(id: number): number {
    const known = this.tabs.get(id) ?? this.tabs.size;
    this.tabs.set(id, known);
    return known;
  }

  private push(step: Step): void {
    this.steps.push(step);
    this.endings.clear();
  }

  /** The look at what is in front; where that cannot be looked at, at where something was done. */
  private get outcome(): number | null {
    const looks = [this.shown, this.actor?.tab].map((tab) => this.endings.get(tab ?? -1));
    return looks.find((look) => look !== undefined) ?? null;
  }

  private down(written: Written, entry: Down): void {
    this.closeTyping();
    this.device = entry.device;
    const { at, x, y } = entry;
    const common = {
      at,
      until: at,
      ...this.base(written, entry),
      ...pointer(entry.path),
      point: [x, y] as [number, number],
      presses: [{ down: at, up: null }],
    };
    const last = this.steps.at(-1);
    if (entry.list && last?.action === "select" && last.target === common.target && this.extend(last, at)) return;
    const step: Click | Select = entry.list
      ? { action: "select", ...common }
      : { action: "click", ...common, ...buttons(entry) };
    this.open = step;
    this.push(step);
  }

  /** Opening a list and choosing from it are two presses of one step. */
  private extend(step: Select, at: number): boolean {
    const presses = step.presses ?? [];
    if (presses.length !== 1) return false;
    step.presses = [...presses, { down: at, up: null }];
    step.until = at;
    this.open = step;
    return true;
  }

  private up(entry: Up): void {
    const { open } = this;
    this.open = null;
    const press = open?.presses?.at(-1);
    if (!open || !press) return;
    press.up = entry.at;
    open.until = Math.max(open.until, entry.at);
    if (entry.dragged && open.action === "click") {
      const { button: _, modifiers: __, ...rest } = open;
      const drag: Drag = { ...rest, action: "drag", to: [entry.x, entry.y], drop: entry.drop };
      this.steps[this.steps.lastIndexOf(open)] = drag;
    }
  }

  private key(written: Written, entry: KeyDown): void {
    const key: Key = { down: entry.at, up: null, kind: entry.key };
    this.keysById.set(`${written.page}/${entry.id}`, key);
    if (entry.name === null) {
      const typing = this.typing;
      // A modifier belongs to the text that follows or to none.
      if (entry.key === "modifier" && !typing) return;
      if (this.typingIn(written, entry.at).keys.length < MAX_KEYS) this.typing?.keys.push(key as Key & { id: number });
      return;
    }
    this.closeTyping();
    const last = this.steps.at(-1);
    if (last?.action === "press" && last.key === entry.name && this.sameTarget(written, entry, last)) {
      if (last.keys.length < MAX_KEYS) last.keys.push(key);
      last.until = Math.max(last.until, entry.at);
      return;
    }
    this.push(this.pressed(written, entry, entry.name, key));
  }

  private pressed(written: Written, entry: KeyDown, name: NamedKey, key: Key): PressKey {
    const { at, modifiers } = entry;
    const held = modifiers.length ? { modifiers } : {};
    const common = { at, until: at, ...this.base(written, entry), ...pointer(entry.path) };
    return { action: "press", ...common, key: name, keys: [key], ...held };
  }

  private sameTarget(written: Written, entry: KeyDown, step: PressKey): boolean {
    const { observation, target } = this.base(written, entry);
    return step.observation === observation && step.target === target;
  }

  private keyUp(page: string, id: number, at: number): void {
    const key = this.keysById.get(`${page}/${id}`);
    if (!key) return;
    key.up = at;
    for (const step of this.steps.slice(-3)) {
      if ("keys" in step && step.keys?.includes(key)) step.until = Math.max(step.until, at);
    }
  }

  private typingIn(written: Written, at: number): Typing {
    this.typing ??= { at, keys: [], edits: [], from: written };
    return this.typing;
  }

  private typed(written: Written, entry: Typed): void {
    const nothing = { keys: [], edits: [], at: entry.at };
    // Of a field that turned out to be private not even the rhythm stays.
    const { keys, edits, at } = entry.pattern.kind === "secret" ? nothing : (this.typing ?? nothing);
    this.typing = null;
    const times = [...keys.map((key) => key.up ?? key.down), ...edits.map((edit) => edit.at)];
    const text = this.named(entry);
    const characters = keys.some((key) => key.kind === "character");
    const pasted = entry.pattern.kind !== "empty" && (entry.pasted || !characters) && entry.pattern.kind !== "secret";
    this.push({
      action: "type",
      at,
      until: Math.max(at, ...times),
      ...this.base(written, entry),
      text,
      pattern: entry.pattern,
      keys,
      ...(edits.length ? { edits: edits.slice(0, MAX_KEYS) } : {}),
      ...(pasted ? { pasted } : {}),
    } satisfies Type);
  }

  /** Keys without what they wrote: the page was gone before the field was left. */
  private closeTyping(): void {
    const { typing } = this;
    this.typing = null;
    const from = typing?.from?.entry;
    if (!typing?.keys.length || !from || from.kind !== "key" || !typing.from) return;
    const until = Math.max(...typing.keys.map((key) => key.up ?? key.down));
    const { keys, at } = typing;
    this.push({ action: "type", at, until, ...this.base(typing.from, from), text: null, pattern: UNKNOWN, keys });
  }

  private named({ text, pattern }: { text: Typed["text"]; pattern: ValuePattern }): Typed["text"] {
    if (text?.source !== "parameter") return text;
    const known = this.parameters.get(text.name);
    const unnamed = /^[0-9a-f]{8}-\d+$/.test(text.name);
    const name = known?.name ?? (unnamed ? `text-${this.parameters.size + 1}` : text.name);
    this.parameters.set(text.name, known ?? { name, pattern });
    return { source: "parameter", name };
  }

  private chosen(written: Written, entry: Chosen): void {
    const text = this.named({ text: entry.text, pattern: UNKNOWN });
    const { observation, target } = this.base(written, entry);
    const last = this.steps.at(-1);
    // The option was chosen from the list that was opened; keys choose without opening it.
    if (last?.action === "select" && last.target === target && last.observation === observation) {
      last.until = Math.max(last.until, entry.at);
      last.option ??= entry.option;
      last.text ??= text;
      return;
    }
    const { at, option } = entry;
    this.push({ action: "select", at, until: at, ...this.base(written, entry), option, text } satisfies Select);
  }

  private scrolled(written: Written, entry: Scrolled): void {
    const last = this.steps.at(-1);
    const base = this.base(written, entry);
    if (last?.action === "scroll" && last.target === base.target && last.observation === base.observation) {
      last.dx += entry.dx;
      last.dy += entry.dy;
      last.until = Math.max(last.until, entry.until);
      return;
    }
    const { at, until, dx, dy } = entry;
    this.push({ action: "scroll", at: Math.min(at, until), until, ...base, dx, dy } satisfies Scroll);
  }

  private after(written: Written, seen: number): void {
    const look = this.look(written.page, seen);
    this.endings.set(written.tab, look);
    if (written.page !== this.actor?.page) return;
    // The browser may have told of another tab or address before the page told what it had become.
    const since = this.steps.slice(this.steps.findLastIndex((step) => !byBrowser(step)));
    for (const step of since.filter(byBrowser)) step.observation = look;
  }

  /** A page that opens by itself explains nothing; one that a click or key led to is explained. */
  private went(written: Written, { at, how, page }: Went): void {
    this.closeTyping();
    const last = this.steps.at(-1);
    const led = last && ["click", "press", "select"].includes(last.action) && at - last.until < EXPLAINED_MS;
    if (!this.steps.length || (led && (how === "link" || how === "form" || how === "other"))) return;
    const observation = this.lastSeen;
    const tab = this.tab(written.tab);
    this.shown = written.tab;
    this.push({ action: "navigate", at, until: at, observation, ...(tab ? { tab } : {}), kind: how, page } satisfies Navigate);
  }

  private tabChange(written: Written, at: number, kind: Tab["kind"], id: number): void {
    if (!this.steps.length && !this.observations.length) return void this.tab(id);
    this.closeTyping();
    if (kind === "switch") this.shown = id;
    const observation = this.lastSeen;
    const tab = this.tab(written.tab);
    // What was done before is not over when the tab changes: its effect may still be told.
    this.steps.push({ action: "tab", at, until: at, observation, ...(tab ? { tab } : {}), kind, to: this.tab(id) } satisfies Tab);
  }

  /** What was there before something that the browser told of, and no page saw coming. */
  private get lastSeen(): number {
    return this.endings.get(this.actor?.tab ?? -1) ?? this.steps.at(-1)?.observation ?? 0;
  }

  /** Only looks that something refers to are kept. */
  private pruned(): { observations: Observation[]; outcome: number | null } {
    const used = new Set(this.steps.map((step) => step.observation));
    const { outcome: end } = this;
    if (end !== null) used.add(end);
    const kept = [...used].sort((left, right) => left - right);
    kept.forEach((old, index) => this.sizes.set(old, index));
    for (const step of this.steps) step.observation = this.sizes.get(step.observation) ?? 0;
    const outcome = end === null ? null : (this.sizes.get(end) ?? null);
    return { observations: kept.map((old) => this.observations[old]!), outcome };
  }
}

/** Whether the browser told of a step, and no page. */
function byBrowser(step: Step): step is Tab | Navigate {
  return step.action === "tab" || step.action === "navigate";
}

function pointer(path: Down["path"]): { pointer?: Down["path"] } {
  let last = 0;
  const ordered = path.slice(-MAX_POINTER).filter(([time]) => {
    const forward = time >= last;
    last = Math.max(last, time);
    return forward;
  });
  return ordered.length ? { pointer: ordered } : {};
}

function buttons({ button, modifiers }: Down): Pick<Click, "button" | "modifiers"> {
  return {
    ...(button === "left" ? {} : { button }),
    ...(modifiers.length ? { modifiers } : {}),
  };
}
