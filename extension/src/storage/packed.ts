// Workflows are kept as they are sent: compressed. As objects they are megabytes, which every
// process that has to do with the database would copy whenever a list of them is shown.
import type { Workflow } from "../workflow";

/** A workflow, and what lists tell of it. */
export interface Packed {
  id: string;
  task: string;
  steps: number;
  /** `{"workflow": …}` as JSON, compressed with gzip: the body of the request that sends it. */
  body: ArrayBuffer;
}

/** How the database had it before version 4. */
export type Unpacked<Row extends Packed> = Omit<Row, "task" | "steps" | "body"> & { workflow: Workflow };

export async function pack(workflow: Workflow): Promise<Packed> {
  const { id, task, steps } = workflow;
  return { id, task: task.name, steps: steps.length, body: await gzip({ workflow }) };
}

export async function unpack({ body }: Pick<Packed, "body">): Promise<Workflow> {
  return (await gunzip<{ workflow: Workflow }>(body)).workflow;
}

/** A row as it is kept now, whenever it was written. */
export async function packed<Row extends Packed>(row: Row | Unpacked<Row>): Promise<Row> {
  if (!("workflow" in row)) return row;
  const { workflow, ...rest } = row;
  return { ...(await pack(workflow)), ...rest } as unknown as Row;
}

/** Any value as compressed JSON. */
export function gzip(value: unknown): Promise<ArrayBuffer> {
  return through(new CompressionStream("gzip"), new TextEncoder().encode(JSON.stringify(value))).arrayBuffer();
}

export async function gunzip<Value>(bytes: ArrayBuffer): Promise<Value> {
  return (await through(new DecompressionStream("gzip"), new Uint8Array(bytes)).json()) as Value;
}

/** Without a Blob: its bytes go through the browser's own process, which keeps a part of each. */
function through({ readable, writable }: GenericTransformStream, bytes: Uint8Array<ArrayBuffer>): Response {
  const writer = writable.getWriter();
  // What fails here fails where it is read.
  void writer.write(bytes).catch(() => undefined);
  void writer.close().catch(() => undefined);
  return new Response(readable);
}
