// Where typed characters stand: in a parameter, the instruction, or a text of the page.
import { findSpan } from "../page/spans";
import type { ElementText, InstructionText, ParameterText } from "../workflow";

export type Reference = InstructionText | ElementText | ParameterText;

/** What the recorder knows of the task; values of parameters never leave this page's script. */
export interface Context {
  instruction: string;
  parameters: Record<string, string>;
}

/** Finds references; values that stand nowhere become parameters of the recording. */
export class References {
  private readonly unnamed = new Map<string, string>();

  constructor(
    private readonly context: Context,
    /** Tells the parameters of this page from those of others. */
    private readonly page: string,
  ) {}

  find(value: string, texts: readonly string[]): Reference | null {
    if (!value) return null;
    const named = Object.entries(this.context.parameters).find(([, known]) => known === value);
    if (named) return { source: "parameter", name: named[0] };
    const { instruction } = this.context;
    const span = findSpan(value, instruction);
    if (span) return { source: "instruction", ...span };
    return this.onPage(value, texts) ?? { source: "parameter", name: this.name(value) };
  }

  private onPage(value: string, texts: readonly string[]): Reference | undefined {
    for (const [element, text] of texts.entries()) {
      const span = text && findSpan(value, text);
      if (span) return { source: "element", element, ...span };
    }
    return undefined;
  }

  private name(value: string): string {
    const name = this.unnamed.get(value) ?? `${this.page}-${this.unnamed.size + 1}`;
    this.unnamed.set(value, name);
    return name;
  }
}
